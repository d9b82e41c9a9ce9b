"""Defers XLA in training that may end before compiling pays off."""

from typing import Any, Protocol

import keras

from keras_cem.utils.devices import has_gpu
from keras_cem.utils.keras_internals import set_untracked

# Measured on CartPole with 16 trajectories and 10 gradient steps, in CPU
# seconds: without XLA, the train and test steps take 0.04 s longer per
# iteration while episodes are short, and 0.17 s longer at 500 steps. Skipping
# XLA saves 3.5 s at the start; compiling later costs 6 s. After 40 iterations,
# the slower steps may have lost about as much as compiling costs. With many
# more trajectories, they lose it much sooner.
ITERATIONS, BATCH_SIZE = 40, 64


class _Agent(Protocol):
    """What this module needs of an agent."""

    jit_is_auto: bool


def begin(
    agent: _Agent, batch_size: int, callbacks: list[keras.callbacks.Callback]
) -> None:
    """Decides whether a `fit` starts without XLA.

    It does for `jit_compile="auto"`, at most 64 trajectories and no GPU. On a
    GPU, starting many small operations is slow, so XLA is worth its compile
    time from the start.

    Args:
        agent: The agent.
        batch_size: K, the number of trajectories per iteration.
        callbacks: Callbacks of `fit`, to which one may be added.
    """
    set_untracked(agent, xla_deferred=False)
    if agent.jit_is_auto and batch_size <= BATCH_SIZE and not has_gpu():
        callbacks.insert(0, DeferredXLA())


class DeferredXLA(keras.callbacks.Callback):
    """Lets XLA compile the steps of an in-graph environment after a delay.

    The delay counts iterations of the agent, not time. The same seed therefore
    gives the same weights, also after resuming.

    Args:
        iterations: Number of iterations of the agent without XLA.
    """

    def __init__(self, iterations: int = ITERATIONS):
        super().__init__()
        self._iterations = iterations

    def set_model(self, model: Any) -> None:
        """Disables XLA, if not yet due, before Keras builds the steps."""
        super().set_model(model)
        set_untracked(model, xla_deferred=True)
        self._update()

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        """Enables XLA once enough iterations are done."""
        self._update()

    def _update(self) -> None:
        model = self.model
        if model.xla_deferred and int(model.iteration) >= self._iterations:
            set_untracked(model, xla_deferred=False)
            model.make_train_function()
