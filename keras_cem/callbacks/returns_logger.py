"""Logs the distribution of the returns during training."""

import json
import os
import pathlib
from typing import Any

import numpy as np

from keras_cem.callbacks.environment_callback import EnvironmentCallback
from keras_cem.callbacks.stages import SpacedStages
from keras_cem.utils import checks, files, nonfinite


class ReturnsLogger(EnvironmentCallback):
    """Writes the returns of some iterations to a JSON file.

    A stage is the last iteration of an epoch. The file has stages at evenly
    spaced epochs and at the last epoch, at most `max_stages` + 1 in total,
    however long training is. A stage has at most `max_returns` returns. If
    there are more, it has evenly spaced ones of the sorted returns. The file is
    written when training ends. Until then a `Checkpoint` stores the stages.

    The file holds `stages`, a list of objects with `iteration` (counted from
    1), `env_steps`, `elite_threshold` (null if there was none, and with elite
    steps) and `returns` in ascending order.

    Args:
        filepath: File to write.
        max_stages: Maximum number of evenly spaced stages. Defaults to `100`.
        max_returns: Maximum number of returns per stage. Defaults to `256`.

    Raises:
        ValueError: If `max_stages` or `max_returns` is less than 2.
    """

    def __init__(
        self,
        filepath: str | os.PathLike[str],
        max_stages: int = 100,
        max_returns: int = 256,
    ):
        super().__init__()
        checks.not_none(max_stages=max_stages, max_returns=max_returns)
        checks.at_least(2, max_stages=max_stages, max_returns=max_returns)
        checks.path(filepath=filepath)
        self.filepath = pathlib.Path(filepath)
        self.max_stages = max_stages
        self.max_returns = max_returns
        self._begin()

    def _begin(self) -> None:
        self._stages = SpacedStages(self.max_stages)
        self._last: dict[str, Any] | None = None

    def on_train_begin(self, logs: Any = None) -> None:
        """Discards stages of an earlier `fit`."""
        super().on_train_begin(logs)
        self._begin()

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Records the returns of the last iteration of the epoch."""
        latest = self.model.graph_execution.latest_returns
        returns = np.sort(nonfinite.finite_returns(latest))
        if not len(returns):
            return
        if len(returns) > self.max_returns:
            places = np.linspace(0, len(returns) - 1, self.max_returns)
            returns = returns[np.round(places).astype(int)]
        threshold = float((logs or {}).get("elite_threshold", np.nan))
        if self.model.critic is not None:
            # An advantage, which cannot be compared with returns.
            threshold = np.nan
        self._last = {
            "iteration": int(self.model.iteration),
            "env_steps": int(self.model.env_steps),
            "elite_threshold": threshold if np.isfinite(threshold) else None,
            "returns": returns.tolist(),
        }
        if self._stages.is_due(epoch):
            self._stages.keep(self._last)

    def on_train_end(self, logs: Any = None) -> None:
        """Writes the file."""
        stages = self._stages.with_last(self._last)
        with files.replacing(self.filepath) as partial:
            partial.write_text(json.dumps({"stages": stages}) + "\n")

    def get_state(self) -> dict[str, Any]:
        """Returns the state for a checkpoint."""
        return {**self._stages.get_state(), "last": self._last}

    def set_state(self, state: dict[str, Any]) -> None:
        """Restores the state from a checkpoint."""
        self._stages.set_state(state)
        self._last = state["last"]
