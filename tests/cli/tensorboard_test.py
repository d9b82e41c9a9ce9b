"""`keras-cem train --tensorboard`."""

import sys

from keras_cem.cli.main import main
from tests.callbacks.summaries_test import read

SMALL = [
    "--env=CartPole-v1",
    "--engine=host",
    "--max_episode_steps=10",
    "--batch_size=4",
    "--hidden_units=4",
    "--validation_episodes=3",
    "--episodes=3",
    "--epochs=2",
    "--noplot",
    "--tensorboard",
]


def test_a_run_has_both_axes_and_overwrites_them(tmp_path):
    folder = tmp_path / "run"
    board = folder / "tensorboard"
    assert main(["train", *SMALL, f"--output={folder}"]) == 0
    assert len(read(board / "env_steps").Tensors("val_episode_return")) == 2
    config = read(board / "env_steps").Tensors("config")[0]
    assert b'"batch_size": 4' in config.tensor_proto.string_val[0]
    epochs = read(board / "train").Tensors("epoch_episode_return")
    assert [event.step for event in epochs] == [0, 1]
    again = ["--overwrite", "--epochs=1", f"--output={folder}"]
    assert main(["train", *SMALL, *again]) == 0
    assert len(read(board / "env_steps").Tensors("val_episode_return")) == 1


def test_missing_package_is_named_before_training(
    tmp_path, capsys, monkeypatch
):
    monkeypatch.setitem(sys.modules, "tensorboard", None)
    folder = tmp_path / "run"
    assert main(["train", *SMALL, f"--output={folder}"]) == 2
    printed = capsys.readouterr()
    assert "--tensorboard: training needs tensorboard" in printed.err
    assert "pip install 'keras-cem[tensorboard]'" in printed.err
    assert "epoch" not in printed.out
    assert not folder.exists()
