"""Resumes training from a checkpoint."""

import pathlib
from typing import Any

import keras

from keras_cem.saving import training_state
from keras_cem.saving.checkpoint_store import CheckpointStore
from keras_cem.saving.epoch_progress import EpochProgress
from keras_cem.saving.training_state import TrainingState


class RunsLast(keras.callbacks.Callback):
    """A callback that runs after all others, including History."""


class Restored(keras.callbacks.Callback):
    """Restores the state of callbacks after their `on_train_begin`.

    Args:
        state: State of the training to resume.
        callbacks: Callbacks to restore.
    """

    def __init__(self, state: TrainingState, callbacks: list[Any]):
        super().__init__()
        self._state = state
        self._callbacks = callbacks

    def on_train_begin(self, logs: Any = None) -> None:
        """Restores the callbacks and the progress of the epoch."""
        self._state.resume(self._callbacks)
        self.model.run.progress = EpochProgress(
            self.model,
            self._callbacks,
            self._state.epochs,
            self._state.executions,
        )


def resume(
    agent: Any, directory: pathlib.Path, callbacks: list[Any]
) -> TrainingState | None:
    """Loads the newest checkpoint into an agent.

    Args:
        agent: A `CEMAgent`, built and compiled.
        directory: Folder of checkpoints.
        callbacks: Callbacks, as `arrange` returns them.

    Returns:
        The training state that is not part of the agent. None if there is no
        checkpoint yet and a callback will write checkpoints to `directory`.

    Raises:
        ValueError: If there is no checkpoint and no callback will write one,
            all checkpoints are broken, or they are from another agent.
    """
    path = CheckpointStore(directory).newest()
    if path is not None:
        return training_state.load(path, agent)
    if directory in [getattr(c, "directory", None) for c in callbacks]:
        return None
    raise ValueError(
        "`resume_from` must be a folder written by `callbacks.Checkpoint`. "
        f"Received: resume_from={str(directory)!r}, which holds no "
        "checkpoint. To start a training that can be resumed, pass a "
        "`Checkpoint` with this folder to `fit`."
    )
