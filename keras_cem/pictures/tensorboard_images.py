"""Writes pictures to TensorBoard."""

import os
import pathlib
from collections.abc import Iterable

import tensorflow as tf

from keras_cem.utils import extras


def write_images(
    log_dir: str | os.PathLike[str],
    pictures: Iterable[str | os.PathLike[str]],
    step: int,
) -> None:
    """Writes pictures to a log; the tag of a picture is its file name.

    It needs `pip install 'keras-cem[tensorboard]'`.

    Args:
        log_dir: Folder to write to, such as that of `callbacks.Summaries`.
        pictures: PNG files.
        step: Step of the pictures, such as the number of environment steps.

    Raises:
        ImportError: If TensorBoard is missing.
    """
    extras.require("tensorboard", "Images for TensorBoard need")
    writer = tf.summary.create_file_writer(os.fspath(log_dir))
    with writer.as_default(step=step):
        for picture in map(pathlib.Path, pictures):
            image = tf.io.decode_png(picture.read_bytes(), channels=3)
            tf.summary.image(picture.stem, image[tf.newaxis])
    writer.close()
