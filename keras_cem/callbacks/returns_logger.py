"""Writes down how the returns of iterations were distributed."""

import json
import os
import pathlib
from typing import Any

import keras
import numpy as np

from keras_cem.callbacks.stages import Stages
from keras_cem.utils import checks, files


class ReturnsLogger(keras.callbacks.Callback):
    """Writes the returns of iterations to a JSON file, few of many.

    A stage is the last iteration of an epoch. The file has those of evenly
    spaced epochs, and of the last one. However long training is, it has at most
    `max_stages` and one, each with at most `max_returns`: of more, evenly
    spaced ones in the order of their size. It is written as training ends; a
    `Checkpoint` keeps what is in it until then.

    The file holds `stages`, a list of objects with `iteration` (counted from
    1), `env_steps`, `elite_threshold` (None if there was none) and `returns`,
    ascending.

    Args:
        filepath: The file to write.
        max_stages: How many stages it has at most. Defaults to `100`.
        max_returns: How many returns a stage has at most. Defaults to `256`.

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
        checks.at_least(2, max_stages=max_stages, max_returns=max_returns)
        checks.path(filepath=filepath)
        self.filepath = pathlib.Path(filepath)
        self.max_stages = max_stages
        self.max_returns = max_returns
        self._begin()

    def _begin(self) -> None:
        self._stages = Stages(self.max_stages)
        self._last: dict[str, Any] | None = None

    def on_train_begin(self, logs: Any = None) -> None:
        """Begins anew."""
        if getattr(self.model, "session", None) is None:
            raise RuntimeError(
                "`ReturnsLogger` must be used with `fit` of a `CEMAgent` on an "
                f"environment. Received: model={self.model!r}"
            )
        self._begin()

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Takes note of the epoch's last iteration."""
        returns = np.asarray(self.model.graph_steps.latest_returns)
        returns = np.sort(returns[np.isfinite(returns)])
        if not len(returns):
            return
        if len(returns) > self.max_returns:
            places = np.linspace(0, len(returns) - 1, self.max_returns)
            returns = returns[np.round(places).astype(int)]
        threshold = float((logs or {}).get("elite_threshold", np.nan))
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
        """What a checkpoint keeps."""
        return {**self._stages.get_state(), "last": self._last}

    def set_state(self, state: dict[str, Any]) -> None:
        """Goes on from a checkpoint."""
        self._stages.set_state(state)
        self._last = state["last"]
