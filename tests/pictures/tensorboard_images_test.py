"""Pictures as TensorBoard shows them."""

import sys

import numpy as np
import pytest
import tensorflow as tf

from keras_cem.pictures.tensorboard_images import write_images
from tests.callbacks.summaries_test import read


def test_pictures_stand_at_their_step(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (5, 7, 3), np.uint8)
    path = tmp_path / "my_picture.png"
    path.write_bytes(tf.io.encode_png(pixels).numpy())
    write_images(tmp_path / "log", [path], 70)
    (event,) = read(tmp_path / "log").Tensors("my_picture")
    assert event.step == 70
    width, height, png = tf.make_ndarray(event.tensor_proto)
    assert (width, height) == (b"7", b"5")
    np.testing.assert_array_equal(tf.io.decode_png(png), pixels)


def test_missing_package_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorboard", None)
    with pytest.raises(ImportError, match=r"keras-cem\[tensorboard\]"):
        write_images(tmp_path / "log", [], 0)
    assert not (tmp_path / "log").exists()
