"""How far an epoch has come: what a checkpoint within it is made of."""

from collections.abc import Iterator
from typing import Any

import keras
import tensorflow as tf

from keras_cem.saving import callback_states
from keras_cem.saving.training_state import TrainingState, within_epoch


class EpochProgress:
    """A training as it was after its last whole execution.

    Training may be interrupted anywhere: as it plays, validates, or in a
    callback at the end of an epoch. Variables then have changed since, or hold
    others for a while, and some callbacks have been told more than others. So
    the variables are noted after each execution of the train function, and what
    callbacks keep in mind at the end of each epoch. Training resumed from there
    repeats the epoch to the callbacks, without playing what was played.

    Args:
        agent: A `CEMAgent`, built.
        callbacks: Those of `fit`.
        epochs: Epochs done. Defaults to `0`.
        executions: Executions done of the next one. Defaults to `0`.
    """

    def __init__(
        self,
        agent: Any,
        callbacks: list[Any],
        epochs: int = 0,
        executions: int = 0,
    ):
        self._agent = agent
        self._callbacks = callbacks
        self._history = next(
            each
            for each in callbacks
            if isinstance(each, keras.callbacks.History)
        )
        self._variables = [
            *agent.variables,
            *agent.optimizer.variables,
            *(agent.memory.buffers if agent.memory is not None else ()),
            *within_epoch(agent),
        ]
        self.begin_epoch(epochs, executions)

    def begin_epoch(self, epochs: int, executions: int = 0) -> None:
        """Takes note of all; called when no callback is being called.

        Args:
            epochs: Epochs done.
            executions: Executions done of the next one. They are not run once
                more. Defaults to `0`.
        """
        self._epochs = epochs
        self._executions = self._to_repeat = executions
        history = self._history
        self._lengths = (
            len(history.epoch),
            {name: len(logged) for name, logged in history.history.items()},
        )
        self._states = callback_states.snapshot(self._callbacks)
        self._note()

    def _note(self) -> None:
        # Reading copies nothing: who writes later does, to another buffer.
        self._values = [tf.convert_to_tensor(v) for v in self._variables]

    def execution_ended(self) -> None:
        """Takes note of the variables after an execution."""
        self._executions += 1
        self._note()

    def repeats(self, iterator: Iterator[Any]) -> bool:
        """Whether the execution that is due was run before the interruption.

        Args:
            iterator: Of ticks; those of the execution are pulled.
        """
        if not self._to_repeat:
            return False
        for _ in range(self._agent.steps_per_execution):
            if next(iterator, None) is None:
                break
        self._to_repeat -= 1
        if not self._to_repeat:
            # Keras has reset the metrics.
            self.put_back()
        return True

    def put_back(self) -> None:
        """Gives the variables the values that were noted."""
        for variable, value in zip(self._variables, self._values, strict=True):
            variable.assign(value)

    def state(self) -> TrainingState:
        """Returns what a checkpoint of it keeps besides the variables."""
        epochs, lengths = self._lengths
        history = self._history
        return TrainingState(
            epochs=self._epochs,
            stopped=False,
            history={
                "epoch": history.epoch[:epochs],
                "logs": {
                    name: history.history[name][:length]
                    for name, length in lengths.items()
                },
            },
            callbacks=self._states(),
            executions=self._executions,
        )

    @property
    def epochs(self) -> int:
        """Epochs done."""
        return self._epochs
