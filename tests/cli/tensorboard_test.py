"""`keras-cem train --tensorboard`."""

import json
import sys

import numpy as np
import pytest
import tensorflow as tf

from keras_cem.cli.main import main
from tests.callbacks.summaries_test import read
from tests.cli import small_run

pytestmark = pytest.mark.slow

SMALL = [*small_run.SMALL, "--tensorboard"]


def test_a_run_has_both_axes_and_overwrites_them(tmp_path):
    folder = tmp_path / "run"
    board = folder / "tensorboard"
    assert main(["train", *SMALL, f"--output={folder}"]) == 0
    assert len(read(board / "env_steps").Tensors("val_episode_return")) == 2
    config = read(board / "env_steps").Tensors("config")[0]
    assert b'"batch_size": 4' in config.tensor_proto.string_val[0]
    steps = json.loads((folder / "results.json").read_text())["env_steps"]
    for name in ("learning_curve", "returns"):
        (picture,) = read(board / "env_steps").Tensors(name)
        assert picture.step == steps
        *_, png = tf.make_ndarray(picture.tensor_proto)
        drawn = tf.io.decode_png((folder / f"{name}.png").read_bytes(), 3)
        np.testing.assert_array_equal(tf.io.decode_png(png), drawn)
    epochs = read(board / "train").Tensors("epoch_episode_return")
    assert [event.step for event in epochs] == [0, 1]
    again = ["--overwrite", "--epochs=1", "--noplot", f"--output={folder}"]
    assert main(["train", *SMALL, *again]) == 0
    written = read(board / "env_steps")
    assert len(written.Tensors("val_episode_return")) == 1
    assert "learning_curve" not in written.Tags()["tensors"]


def test_missing_package_is_named_before_training(
    tmp_path, capsys, monkeypatch
):
    monkeypatch.setitem(sys.modules, "tensorboard", None)
    folder = tmp_path / "run"
    assert main(["train", *SMALL, f"--output={folder}"]) == 2
    printed = capsys.readouterr()
    assert "--tensorboard needs tensorboard" in printed.err
    assert "pip install 'keras-cem[tensorboard]'" in printed.err
    assert "epoch" not in printed.out
    assert not folder.exists()
