"""What TensorBoard shows over environment steps."""

import os
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_cem.utils import checks, extras


class Summaries(keras.callbacks.Callback):
    """Writes History for TensorBoard, over environment steps.

    `keras.callbacks.TensorBoard` counts epochs, which are of more steps the
    better the agent is or the worse. Both can be used together. Tags are the
    names of History, `episode_returns` for how the returns of an epoch's last
    iteration were distributed, and `config` for the text. It needs `pip install
    'keras-cem[tensorboard]'`.

    Args:
        log_dir: Folder to write to.
        text: Markdown to show, such as the settings. Defaults to `None`.

    Raises:
        ImportError: If TensorBoard is missing.
    """

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
        """Opens a file."""
        if getattr(self.model, "session", None) is None:
            raise RuntimeError(
                "`Summaries` must be used with `fit` of a `CEMAgent` on an "
                f"environment. Received: model={self.model!r}. For arrays "
                "there is `keras.callbacks.TensorBoard`."
            )
        self._writer = tf.summary.create_file_writer(self.log_dir)
        if self.text is not None:
            with self._writer.as_default(step=int(self.model.env_steps)):
                tf.summary.text("config", self.text)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Writes a point of each curve, and a histogram."""
        with self._writer.as_default(step=int(self.model.env_steps)):
            for name, value in (logs or {}).items():
                tf.summary.scalar(name, value)
            returns = np.asarray(self.model.graph_steps.latest_returns)
            finite = returns[np.isfinite(returns)]
            if len(finite):
                tf.summary.histogram("episode_returns", finite)
        # To be seen while training goes on.
        self._writer.flush()

    def on_train_end(self, logs: Any = None) -> None:
        """Closes the file."""
        self._writer.close()
