"""The callbacks of `keras-cem train`."""

import pathlib
from collections.abc import Iterable
from typing import Any

import keras
from absl import flags

from keras_cem import CEMAgent, callbacks
from keras_cem.agent.progress_bar import ProgressBar
from keras_cem.cli.flags import from_flags
from keras_cem.cli.run.folder import RunFolder
from keras_cem.cli.training.progress import ProgressLine
from keras_cem.cli.training.validation_share import ValidationShare
from keras_cem.pictures import policy_slice
from keras_cem.utils import files

# Largest policy to take snapshots of: 1 MiB per snapshot.
_MAX_WEIGHTS = 2**18
_MONITOR = "val_episode_return"


def make(
    values: flags.FlagValues,
    agent: CEMAgent,
    folder: RunFolder,
    stop_at: float | None,
    clock: ProgressLine,
) -> list[keras.callbacks.Callback]:
    """Returns the callbacks of a run, in the order of their calls.

    Args:
        values: The flags.
        agent: The agent.
        folder: The run.
        stop_at: Return to stop at, or None to train for all epochs.
        clock: Measures the time and shows progress.
    """
    # Snapshots for maps of the policy, over any two components.
    policies = (
        [callbacks.PolicyLogger(folder.policies)]
        if policy_slice.can_be_drawn(agent)
        and agent.policy.count_params() <= _MAX_WEIGHTS
        else []
    )
    best = keras.callbacks.ModelCheckpoint(
        str(folder.agent),
        monitor=_MONITOR,
        mode="max",
        save_best_only=True,
    )
    in_proportion = (
        values.validation_freq is None and values.validation_episodes is None
    )
    return [
        *from_flags.callbacks(values, stop_at),
        *([ValidationShare()] if in_proportion else []),
        _named(best, folder.agent, needs=_MONITOR),
        _named(keras.callbacks.CSVLogger(str(folder.history)), folder.history),
        callbacks.ReturnsLogger(folder.stages),
        *policies,
        clock,
        *([ProgressBar()] if values.progress == "bar" else []),
        callbacks.Checkpoint(folder.checkpoints, values.checkpoint_every),
    ]


def _named(
    callback: keras.callbacks.Callback, path: pathlib.Path, needs: str = "loss"
) -> keras.callbacks.Callback:
    """Lets errors of a Keras callback name the file that it writes.

    Args:
        callback: The callback.
        path: The file.
        needs: Key of the logs; epochs without it are left out.
    """
    write = callback.on_epoch_end

    def on_epoch_end(epoch: int, logs: Any = None) -> None:
        if needs in logs:
            with files.naming(path):
                write(epoch, logs)

    # Not a subclass: checkpoints identify callbacks by their class.
    setattr(callback, "on_epoch_end", on_epoch_end)  # noqa: B010
    return callback


def validation_freq(
    values: flags.FlagValues, made: Iterable[keras.callbacks.Callback]
) -> int | list[int]:
    """Returns the argument of `fit`.

    Args:
        values: The flags.
        made: The result of `make`.
    """
    for callback in made:
        if isinstance(callback, ValidationShare):
            return callback.validation_freq
    every = values.validation_freq or 1
    if every == 1:
        return 1
    # The first row of history.csv has all columns; the last agent may be best.
    return [1, *range(every, values.epochs, every), values.epochs]
