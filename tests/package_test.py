"""What importing the package does, and what it offers."""

import pytest

import keras_cem
from tests import processes


def test_import_brings_neither_gymnasium_nor_tf_agents():
    ended = processes.run(
        "-c",
        "import sys, keras_cem\n"
        "print({'gymnasium', 'tf_agents'} & set(sys.modules))",
    )
    assert ended.stdout.strip() == "set()", ended.stderr


def test_other_backends_are_refused_with_the_cure():
    ended = processes.run(
        "-c",
        "import keras\nkeras.backend.backend = lambda: 'jax'\nimport keras_cem",
        code=1,
    )
    assert "KERAS_BACKEND='jax'" in ended.stderr
    assert "KERAS_BACKEND=tensorflow" in ended.stderr


@pytest.mark.parametrize("name", keras_cem.__all__)
def test_public_names_are_there(name):
    assert getattr(keras_cem, name)


def test_other_names_are_not():
    with pytest.raises(AttributeError, match="no attribute 'PPOAgent'"):
        _ = keras_cem.PPOAgent
