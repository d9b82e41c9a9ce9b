"""Progress within an epoch, for checkpoints after an interruption."""

from collections.abc import Iterator
from typing import Any

import keras
import tensorflow as tf

from keras_cem.saving import callback_states
from keras_cem.saving.training_state import TrainingState, within_epoch


class EpochProgress:
    """State of training after the last complete execution.

    Training may be interrupted anywhere: during a rollout, during validation,
    or in a callback at the end of an epoch. At that moment some variables have
    changed or hold temporary values, and only some callbacks have been called.
    So this class records the variables after each execution of the train
    function, and the state of callbacks at the end of each epoch. A resumed
    training calls the callbacks for the whole epoch again, but does not replay
    executions that were done.

    Args:
        agent: A `CEMAgent`, built.
        callbacks: The callbacks of `fit`.
        epochs: Number of epochs done. Defaults to `0`.
        executions: Number of executions done in the next epoch. Defaults to
            `0`.
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
            *(
                ()
                if agent.critic_optimizer is None
                else agent.critic_optimizer.variables
            ),
            *(agent.memory.buffers if agent.memory is not None else ()),
            *within_epoch(agent),
        ]
        self.begin_epoch(epochs, executions)

    def begin_epoch(self, epochs: int, executions: int = 0) -> None:
        """Records all state. Call it when no callback is running.

        Args:
            epochs: Number of epochs done.
            executions: Number of executions done in the next epoch. They are
                not run again. Defaults to `0`.
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
        # Reading does not copy; a later write goes to another buffer.
        self._values = [tf.convert_to_tensor(v) for v in self._variables]

    def execution_ended(self) -> None:
        """Records the variables after an execution."""
        self._executions += 1
        self._note()

    def repeats(self, iterator: Iterator[Any]) -> bool:
        """Whether the next execution was already done before the interruption.

        Args:
            iterator: Iterator over the training dataset. If the execution was
                done, its items are consumed.
        """
        if not self._to_repeat:
            return False
        for _ in range(self._agent.steps_per_execution):
            if next(iterator, None) is None:
                break
        self._to_repeat -= 1
        if not self._to_repeat:
            # Keras has reset the metrics at the start of the epoch.
            self.put_back()
        return True

    def put_back(self) -> None:
        """Restores the recorded values of the variables."""
        for variable, value in zip(self._variables, self._values, strict=True):
            variable.assign(value)

    def state(self) -> TrainingState:
        """Returns the state that a checkpoint stores besides the variables."""
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
        """Number of epochs done."""
        return self._epochs
