"""Writes TensorBoard summaries over environment steps."""

import os
from typing import Any

import tensorflow as tf

from keras_cem.callbacks.environment_callback import EnvironmentCallback
from keras_cem.utils import checks, extras, nonfinite


class Summaries(EnvironmentCallback):
    """Writes the metrics of History for TensorBoard, over environment steps.

    `keras.callbacks.TensorBoard` plots over epochs, but the number of
    environment steps per epoch changes during training. Both callbacks can be
    used together. The tags are the names in History, `episode_returns` for a
    histogram of the returns of the epoch's last iteration, and `config` for
    `text`. It needs `pip install 'keras-cem[tensorboard]'`.

    Args:
        log_dir: Folder for the summary files.
        text: Markdown to show, such as the settings. Defaults to `None`.

    Raises:
        ImportError: If TensorBoard is missing.
    """

    for_arrays = "For arrays, use `keras.callbacks.TensorBoard`."

    def __init__(
        self, log_dir: str | os.PathLike[str], text: str | None = None
    ):
        super().__init__()
        extras.require("tensorboard", "`Summaries` needs")
        checks.path(log_dir=log_dir)
        self.log_dir = os.fspath(log_dir)
        self.text = text
        self._writer: Any = None

    def on_train_begin(self, logs: Any = None) -> None:
        """Opens the summary file and writes `text`."""
        super().on_train_begin(logs)
        self._writer = tf.summary.create_file_writer(self.log_dir)
        if self.text is not None:
            with self._writer.as_default(step=int(self.model.env_steps)):
                tf.summary.text("config", self.text)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Writes one point per metric and a histogram of the returns."""
        with self._writer.as_default(step=int(self.model.env_steps)):
            for name, value in (logs or {}).items():
                tf.summary.scalar(name, value)
            latest = self.model.graph_execution.latest_returns
            returns = nonfinite.finite_returns(latest)
            if len(returns):
                tf.summary.histogram("episode_returns", returns)
        # Flush, so that TensorBoard shows them during training.
        self._writer.flush()

    def on_train_end(self, logs: Any = None) -> None:
        """Closes the summary file."""
        self._writer.close()
