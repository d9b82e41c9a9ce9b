"""Leaves XLA out of a training that may be over before it is compiled."""

from typing import Any

import keras

# Measured on CartPole, 10 gradient steps. XLA takes 4 s to compile train and
# test step; with 16 trajectories an iteration without it takes 25 ms longer
# while episodes are short, 130 ms at 500 steps. With 64 and more, not much less
# is lost by waiting.
ITERATIONS, BATCH_SIZE = 20, 64


class DeferredXLA(keras.callbacks.Callback):
    """Lets XLA compile the steps of an in-graph environment, but not at once.

    When, depends on the agent's own count of iterations and on no clock: the
    same seed gives the same weights, also where training is resumed.

    Args:
        iterations: Iterations of the agent that go without XLA, up to the end
            of an epoch.
    """

    def __init__(self, iterations: int = ITERATIONS):
        super().__init__()
        self._iterations = iterations

    def set_model(self, model: Any) -> None:
        """Leaves out XLA before Keras makes the steps."""
        super().set_model(model)
        self._allow()

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Allows XLA once it is due."""
        self._allow()

    def _allow(self) -> None:
        self.model.allow_xla(int(self.model.iteration) >= self._iterations)
