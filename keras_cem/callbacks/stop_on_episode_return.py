"""Stops training when the agent is good enough."""

from typing import Any

import keras

from keras_cem.utils import checks


class StopOnEpisodeReturn(keras.callbacks.Callback):
    """Stops `fit` once a mean return reaches a threshold.

    Args:
        threshold: The mean return that ends training.
        monitor: Key of the mean return in the logs. Defaults to
            `"val_episode_return"`, the return of the greedy policy. It requires
            `validation_data` in `fit`.

    Raises:
        ValueError: If `threshold` is not finite. At the start of `fit`, if
            `monitor` needs `validation_data` and there is none. After the first
            epoch, if the logs do not have `monitor`.
    """

    def __init__(self, threshold: float, monitor: str = "val_episode_return"):
        checks.number(threshold=threshold)
        super().__init__()
        self.threshold = threshold
        self.monitor = monitor

    def on_train_begin(self, logs: Any = None) -> None:
        """Checks that `fit` validates if `monitor` requires it."""
        if self.monitor.startswith("val_") and not getattr(
            self.model, "has_validation", True
        ):
            raise ValueError(
                "`monitor` must be in the logs. Received: "
                f"monitor={self.monitor!r} without `validation_data`. Pass "
                "an environment as `validation_data`, or set "
                "monitor='episode_return'."
            )

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Stops if the threshold is reached."""
        logs = logs or {}
        if self.monitor in logs:
            if logs[self.monitor] >= self.threshold:
                self.model.stop_training = True
        elif not self.monitor.startswith("val_") or any(
            key.startswith("val_") for key in logs
        ):
            # Epochs without validation have no such keys (`validation_freq`).
            raise ValueError(
                "`monitor` must be in the logs. Received: "
                f"monitor={self.monitor!r}, logs have {sorted(logs)}"
            )
