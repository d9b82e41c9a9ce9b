"""Writes checkpoints from which training can resume."""

import os
import signal
from typing import Any

from keras_cem.callbacks.environment_callback import EnvironmentCallback
from keras_cem.saving import training_state
from keras_cem.saving.callback_states import get_states
from keras_cem.saving.checkpoint_store import CheckpointStore
from keras_cem.saving.epoch_progress import EpochProgress
from keras_cem.saving.interrupts import HeldSignals, TrainingInterrupted
from keras_cem.saving.resuming import RunsLast
from keras_cem.saving.training_state import TrainingState
from keras_cem.utils import checks


class Checkpoint(EnvironmentCallback, RunsLast):
    """Writes the complete state of training, so that it can be resumed.

    `fit(..., resume_from=directory)` resumes after the newest checkpoint. On
    the same machine, weights, optimizer, History and `CSVLogger` files are
    bit for bit the same as without an interruption.

    A checkpoint is a folder in `directory`. It contains the agent as
    `agent.keras`, the other state as JSON and arrays, and a manifest of
    checksums. If the process or the machine crashes, a checkpoint is either
    complete or absent. If a checkpoint is damaged later, `fit` warns and uses
    the one before it.

    The last epoch is always written, whatever `every` is.

    Ctrl-C and SIGTERM end `fit` after a checkpoint: `fit` raises
    `TrainingInterrupted`, a `KeyboardInterrupt`. If the epoch ends within two
    seconds, the checkpoint includes it. Otherwise training, validation or other
    playing stops between two steps. The checkpoint then contains the completed
    iterations (whole executions of `steps_per_execution`). The interrupted
    episodes are played again after the resume. A second signal ends `fit` at
    once. Signals reach `fit` in the main thread only.

    Python handles signals only between two environment steps, compiled steps or
    compilations. So nothing happens while XLA compiles a step, which takes
    seconds, and more for a large network. A step is compiled in the first
    epoch, in the first validation, and where `fit` begins to use XLA later. If
    the process is killed before the compilation ends, `resume_from` goes on
    from the newest checkpoint, at most `every` epochs back.

    Checkpoints store the state of the Keras callbacks `CSVLogger`,
    `EarlyStopping`, `ModelCheckpoint`, `ReduceLROnPlateau` and `TensorBoard`.
    They store the state of another callback if it has the methods `get_state()`
    and `set_state(state)`. The state is a dictionary of JSON values, arrays and
    lists of arrays. Any other callback starts without its state, including
    `SwapEMAWeights`. A resumed `fit` warns of each state in the checkpoint
    without a callback of its class, because its results may then differ.

    Args:
        directory: Folder for the checkpoints of this training only.
        every: Number of epochs between checkpoints. Defaults to `1`.
        keep: Number of newest checkpoints to keep. Defaults to `3`.

    Raises:
        ValueError: If an argument is out of range. At the start of `fit`, if
            `directory` has checkpoints and `fit` does not resume from it.
        RuntimeError: During `fit`, if a checkpoint cannot be written. Earlier
            checkpoints stay complete.

    Example:

    >>> import tempfile
    >>> import keras
    >>> import keras_cem as cem
    >>> agent = cem.CEMAgent.from_env("CartPole-v1", hidden_units=(), seed=0)
    >>> agent.compile(optimizer=keras.optimizers.Adam(1e-2))
    >>> directory = tempfile.mkdtemp()
    >>> for epochs in (2, 4):
    ...     history = agent.fit(
    ...         "CartPole-v1",
    ...         engine="host",
    ...         batch_size=8,
    ...         epochs=epochs,
    ...         callbacks=[cem.callbacks.Checkpoint(directory)],
    ...         resume_from=directory,
    ...         verbose=0,
    ...     )
    >>> history.epoch
    [0, 1, 2, 3]
    """

    for_arrays = "For arrays, use `keras.callbacks.BackupAndRestore`."

    def __init__(
        self,
        directory: str | os.PathLike[str],
        every: int = 1,
        keep: int = 3,
    ):
        super().__init__()
        checks.not_none(every=every, keep=keep)
        checks.at_least(1, every=every, keep=keep)
        checks.path(directory=directory)
        self._store = CheckpointStore(directory, keep)
        self.directory = self._store.directory
        self.every = every
        self.keep = keep

    def on_train_begin(self, logs: Any = None) -> None:
        """Checks the folder and starts to hold back signals."""
        super().on_train_begin(logs)
        run = self.model.run
        if run.resume_from != self.directory and not self._store.is_empty():
            raise ValueError(
                "`directory` must not hold checkpoints of another training. "
                f"Received: directory={str(self.directory)!r}. Choose "
                "another directory, or continue that training with `fit(..., "
                "resume_from=directory)`."
            )
        self._callbacks = run.callbacks
        self._signals = run.during.enter_context(
            HeldSignals(
                "finishing the epoch and writing a checkpoint. Press Ctrl-C "
                "again to stop now.",
                self._message,
                between_steps=True,
            )
        )
        run.during.push(self._on_exit)
        self._run = run
        run.progress = EpochProgress(self.model, self._callbacks)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Writes a checkpoint if one is due."""
        model, done = self.model, epoch + 1
        interrupted = self._signals.received is not None
        if (
            done % self.every == 0
            or done == self.params["epochs"]
            or model.stop_training
            or interrupted
        ):
            state = TrainingState(
                epochs=done,
                stopped=model.stop_training,
                history={
                    "epoch": model.history.epoch,
                    "logs": model.history.history,
                },
                callbacks=get_states(self._callbacks),
            )
            self._store.write(
                done, lambda folder: training_state.save(folder, model, state)
            )
        self._run.progress.begin_epoch(done)
        if interrupted:
            model.stop_training = True

    def _on_exit(self, kind: Any, error: Any, traceback: Any) -> None:
        """Writes a checkpoint of the completed part of an interrupted epoch."""
        if error is None or not isinstance(error, TrainingInterrupted):
            return
        progress, model = self._run.progress, self.model
        progress.put_back()
        self._store.write(
            progress.epochs,
            lambda folder: training_state.save(folder, model, progress.state()),
        )
        for callback in self._callbacks:
            # Some callbacks write their collected data at the end.
            if callback is not self:
                callback.on_train_end()

    def _message(self) -> str:
        name = signal.Signals(self._signals.received).name
        return (
            f"Training was interrupted by {name}; its checkpoint is in "
            f"{self.directory}. To continue, call `fit` with the same "
            f"arguments and resume_from={str(self.directory)!r}."
        )
