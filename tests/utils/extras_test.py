"""Packages of extras."""

import sys

import pytest

from keras_cem import callbacks
from keras_cem.utils import extras


@pytest.mark.parametrize(
    "extra",
    [
        "box2d",
        "mlflow",
        "mujoco",
        "plot",
        "ray",
        "tensorboard",
        "trackio",
        "tune",
        "video",
        "wandb",
    ],
)
def test_what_is_there_is_taken(extra):
    extras.require(extra, "`x` needs")
    assert extras.missing(extra) is None


@pytest.mark.parametrize(
    ("extra", "module", "name"),
    [
        ("box2d", "Box2D", "Box2D"),
        ("mujoco", "mujoco", "mujoco"),
        ("plot", "matplotlib", "matplotlib"),
        ("ray", "ray", "ray"),
        ("tensorboard", "tensorboard", "tensorboard"),
        ("tune", "optuna", "optuna"),
        ("video", "imageio", "imageio"),
        ("video", "imageio_ffmpeg", "imageio-ffmpeg"),
    ],
)
def test_what_is_missing_is_named(extra, module, name, monkeypatch):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ImportError) as caught:
        extras.require(extra, "`x` needs")
    assert extras.missing(extra) == name
    assert str(caught.value) == (
        f"`x` needs {name}. Install it with `pip install 'keras-cem[{extra}]'`."
    )


def test_callbacks_name_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "imageio", None)
    monkeypatch.setitem(sys.modules, "tensorboard", None)
    with pytest.raises(ImportError, match=r"keras-cem\[video\]"):
        callbacks.RecordVideo("films", "CartPole-v1")
    with pytest.raises(ImportError, match=r"keras-cem\[tensorboard\]"):
        callbacks.Summaries("logs")
