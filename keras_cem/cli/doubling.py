"""Settings of training that double over iterations."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import keras

# More doublings are longer than any episode, and more than any reward.
_MOST_DOUBLINGS = 30


@dataclasses.dataclass
class Doubling:
    """A number that doubles, as an environment of training asks for it.

    Attributes:
        first: What it is in the first iterations, an integer or a float.
        steps: Iterations after which it is twice as much, and again after as
            many; None if it never is.
        iterations: How many were done so far.
        last: What it stays at once it would be further from 0; None if there
            is no limit.
    """

    first: Any
    steps: int | None = None
    iterations: int = 0
    last: Any = None

    def __call__(self) -> Any:
        """Returns what it is now, of the type of the first."""
        if self.steps is None:
            return self.first
        doublings = self.iterations // self.steps
        doubled = self.first * 2 ** min(doublings, _MOST_DOUBLINGS)
        if self.last is None:
            return doubled
        return min(doubled, self.last, key=abs)


class TellIterations(keras.callbacks.Callback):
    """Tells how many iterations the agent has done, before each epoch.

    It goes by the agent's own count, which a resumed training goes on with.

    Args:
        doublings: Who is told.
    """

    def __init__(self, doublings: Sequence[Doubling]):
        super().__init__()
        self._doublings = doublings

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Tells them."""
        for doubling in self._doublings:
            doubling.iterations = int(self.model.iteration)
