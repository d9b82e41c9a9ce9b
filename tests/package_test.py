"""What importing the package does, and what it offers."""

import pytest

import keras_cem
from tests import processes


@pytest.mark.slow
def test_imports_are_few():
    unwanted = {
        # Not even by an environment in the graph.
        "gymnasium",
        "ray",
        "tf_agents",
        "keras_cem.cli",
        # One of the packages under an old name, `moved.MODULES`.
        "keras_cem.pictures.plots",
    }
    ended = processes.run(
        "-c",
        "import sys, keras_cem; keras_cem.envs.make('CartPole-v1'); "
        f"print({unwanted} & set(sys.modules))",
    )
    assert ended.stdout.strip() == "set()", ended.stderr


@pytest.mark.parametrize("name", keras_cem.__all__)
def test_public_names_are_there(name):
    assert getattr(keras_cem, name)


def test_other_names_are_not():
    with pytest.raises(AttributeError, match="no attribute 'PPOAgent'"):
        _ = keras_cem.PPOAgent


def test_completion_shows_public_names_only():
    names = set(dir(keras_cem))
    assert set(keras_cem.__all__) < names
    assert {"elites", "plots", "prng", "recording"} < names
    assert not names & {"keras", "importlib", "moved", "utils", "Any"}
    assert all(getattr(keras_cem, name) for name in names)
