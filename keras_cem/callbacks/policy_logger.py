"""Logs the policy's weights during training."""

import os
import pathlib
from typing import Any

import numpy as np

from keras_cem.callbacks.environment_callback import EnvironmentCallback
from keras_cem.callbacks.stages import SpacedStages
from keras_cem.pictures import policy_snapshots
from keras_cem.utils import checks


class PolicyLogger(EnvironmentCallback):
    """Writes the policy's weights at some iterations to a file.

    A stage is the weights after an epoch. The file has stages at evenly spaced
    epochs and at the last epoch, at most `max_stages` + 1 in total, however
    long training is. `keras-cem plot` draws maps of the policy over iterations
    from it. The file is written when training ends. Until then a `Checkpoint`
    stores the stages.

    Args:
        filepath: File to write, in NumPy's format `.npz`. It has the arrays
            `iterations` and `env_steps`, int64 `(S,)`, and `weights`, float32
            `(S, W)`.
        max_stages: Maximum number of evenly spaced stages. Defaults to `20`.

    Raises:
        ValueError: If `max_stages` is less than 2.
    """

    def __init__(self, filepath: str | os.PathLike[str], max_stages: int = 20):
        super().__init__()
        checks.not_none(max_stages=max_stages)
        checks.at_least(2, max_stages=max_stages)
        checks.path(filepath=filepath)
        self.filepath = pathlib.Path(filepath)
        self.max_stages = max_stages
        self._stages = SpacedStages(max_stages)

    def on_train_begin(self, logs: Any = None) -> None:
        """Discards stages of an earlier `fit`."""
        super().on_train_begin(logs)
        self._stages = SpacedStages(self.max_stages)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Stores the weights if a stage is due."""
        if self._stages.is_due(epoch):
            self._stages.keep(self._now())

    def on_train_end(self, logs: Any = None) -> None:
        """Writes the file."""
        stages = self._stages.with_last(self._now())
        policy_snapshots.write(
            self.filepath,
            policy_snapshots.Snapshots(
                np.array([stage["iteration"] for stage in stages], np.int64),
                np.array([stage["env_steps"] for stage in stages], np.int64),
                np.stack([stage["weights"] for stage in stages]),
            ),
        )

    def get_state(self) -> dict[str, Any]:
        """Returns the state for a checkpoint."""
        return self._stages.get_state()

    def set_state(self, state: dict[str, Any]) -> None:
        """Restores the state from a checkpoint."""
        self._stages.set_state(state)

    def _now(self) -> dict[str, Any]:
        return {
            "iteration": int(self.model.iteration),
            "env_steps": int(self.model.env_steps),
            "weights": policy_snapshots.take(self.model.policy),
        }
