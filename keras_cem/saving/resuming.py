"""How a training goes on from a checkpoint."""

import pathlib
from typing import Any

import keras

from keras_cem.saving import training_state
from keras_cem.saving.checkpoint_store import CheckpointStore
from keras_cem.saving.epoch_progress import EpochProgress
from keras_cem.saving.training_state import TrainingState


class RunsLast(keras.callbacks.Callback):
    """A callback that is called after all others, History among them."""


class Restored(keras.callbacks.Callback):
    """Gives callbacks what they had in mind, once they have begun afresh.

    Args:
        state: Of the training that goes on.
        callbacks: Those to give it to.
    """

    def __init__(self, state: TrainingState, callbacks: list[Any]):
        super().__init__()
        self._state = state
        self._callbacks = callbacks

    def on_train_begin(self, logs: Any = None) -> None:
        """Gives it to them."""
        self._state.resume(self._callbacks)
        self.model.session.progress = EpochProgress(
            self.model,
            self._callbacks,
            self._state.epochs,
            self._state.executions,
        )


def resume(
    agent: Any, directory: pathlib.Path, callbacks: list[Any]
) -> TrainingState | None:
    """Gives an agent the newest checkpoint, and returns what is not in it.

    Args:
        agent: A `CEMAgent`, built and compiled.
        directory: Folder of checkpoints.
        callbacks: As `arrange` returns them.

    Returns:
        None if there is no checkpoint, but a callback that will write some.

    Raises:
        ValueError: If there is no checkpoint otherwise, all are broken, or they
            are another agent's.
    """
    path = CheckpointStore(directory).newest()
    if path is not None:
        return training_state.load(path, agent)
    if directory in [getattr(c, "directory", None) for c in callbacks]:
        return None
    raise ValueError(
        "`resume_from` must be a folder that `callbacks.Checkpoint` wrote to. "
        f"Received: resume_from={str(directory)!r}, where no checkpoint is. To "
        "start a run that is resumed later, give a `Checkpoint` of this folder."
    )
