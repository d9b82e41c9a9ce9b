"""How long the segments are that training plays."""

import dataclasses
from typing import Any

import keras

# More doublings are longer than any episode.
_MOST_DOUBLINGS = 30


@dataclasses.dataclass
class SegmentSteps:
    """The steps of a segment, as `Segments` asks for them.

    Attributes:
        first: In the first iterations.
        doubling_steps: Iterations after which there are twice as many, and
            again after as many; None if there are never more.
        iterations: How many were done so far.
    """

    first: int
    doubling_steps: int | None = None
    iterations: int = 0

    def __call__(self) -> int:
        """Returns the steps of a segment that begins now."""
        if self.doubling_steps is None:
            return self.first
        doublings = self.iterations // self.doubling_steps
        return int(self.first * 2 ** min(doublings, _MOST_DOUBLINGS))


class LongerSegments(keras.callbacks.Callback):
    """Tells how many iterations the agent has done, before each epoch.

    It goes by the agent's own count, which a resumed training goes on with.

    Args:
        steps: What is told.
    """

    def __init__(self, steps: SegmentSteps):
        super().__init__()
        self._steps = steps

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Tells it."""
        self._steps.iterations = int(self.model.iteration)
