"""Ids of environments, in all the forms that gymnasium takes."""

import subprocess
import sys

import gymnasium
import numpy as np
import pytest

import keras_cem as cem
from keras_cem import envs
from keras_cem.adapters import gymnasium_ids
from keras_cem.engines import sources
from keras_cem.engines.playing import Options
from keras_cem.utils.environment_ids import complete
from keras_cem.utils.references import REFERENCES

_MODULE = """
import gymnasium
gymnasium.register(
    "Mine-v0",
    entry_point="gymnasium.envs.classic_control:CartPoleEnv",
    max_episode_steps=5,
    reward_threshold=4.5,
)
"""


class Mine(gymnasium.Env):
    """Five steps of reward -3, in CartPole's spaces."""

    observation_space = gymnasium.spaces.Box(-1, 1, (4,), np.float32)
    action_space = gymnasium.spaces.Discrete(2)

    def reset(self, *, seed=None, options=None):
        return np.zeros(4, np.float32), {}

    def step(self, action):
        return np.zeros(4, np.float32), -3.0, False, False, {}


class Raising(gymnasium.Env):
    """Raises as it is made."""

    def __init__(self):
        raise TypeError("no such engine")


@pytest.fixture
def register(monkeypatch):
    """Registers environments; the registry is restored afterwards."""
    monkeypatch.setattr(
        gymnasium.envs.registration, "registry", gymnasium.registry
    )
    before = dict(gymnasium.registry)
    yield gymnasium.register
    gymnasium.registry.clear()
    gymnasium.registry.update(before)


@pytest.fixture
def mine(tmp_path, monkeypatch, register):
    """A module that registers an environment, named `module:id`."""
    name = f"registers_{tmp_path.name.replace('-', '_')}"
    (tmp_path / f"{name}.py").write_text(_MODULE)
    monkeypatch.syspath_prepend(tmp_path)
    return f"{name}:Mine-v0"


def _is_in_graph(env):
    source = sources.open_source(env, Options(2, max_episode_steps=5))
    source.close()
    return isinstance(source, sources.GraphSource)


@pytest.mark.slow
def test_references_are_what_gymnasium_registers():
    """In a process of its own, where nobody registers anything else."""
    code = (
        "import gymnasium; from keras_cem import envs;"
        "from keras_cem.adapters import gymnasium_ids as ids;"
        "known = [e for e in envs.registry if e in gymnasium.registry];"
        "assert known and all(ids.in_graph_id(e) == e for e in known), known"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    assert set(REFERENCES) <= set(envs.registry)


@pytest.mark.parametrize(
    "changed",
    [
        {"entry_point": Mine, "max_episode_steps": 5},
        {
            "entry_point": "gymnasium.envs.classic_control:CartPoleEnv",
            "max_episode_steps": 5,
        },
        {
            "entry_point": "gymnasium.envs.classic_control:CartPoleEnv",
            "max_episode_steps": 500,
            "kwargs": {"sutton_barto_reward": True},
        },
    ],
    ids=["entry_point", "limit", "kwargs"],
)
@pytest.mark.filterwarnings("ignore:.*Overriding environment")
def test_id_that_was_registered_anew_is_not_substituted(changed, register):
    assert _is_in_graph("CartPole-v1")
    register("CartPole-v1", **changed)
    assert not _is_in_graph("CartPole-v1")
    with pytest.raises(
        ValueError, match="registered for another environment"
    ) as error:
        sources.open_source("CartPole-v1", Options(2, engine="graph"))
    assert "keras_cem.envs.make('CartPole-v1')" in str(error.value)


@pytest.mark.filterwarnings("ignore:.*Overriding environment")
def test_id_that_was_registered_anew_is_played(register):
    register("CartPole-v1", entry_point=Mine, max_episode_steps=5)
    agent = cem.CEMAgent.from_env("CartPole-v1", hidden_units=(), seed=0)
    played = agent.collect("CartPole-v1", 2)
    np.testing.assert_array_equal(played.returns, [-15.0, -15.0])


def test_id_without_version_is_the_latest():
    assert complete("CartPole") == "CartPole-v1"
    assert complete("NoSuchEnv") == "NoSuchEnv"
    assert gymnasium_ids.reward_threshold("CartPole") == 475.0
    assert _is_in_graph("CartPole")


def test_id_behind_a_module_is_made(mine):
    assert gymnasium_ids.reward_threshold(mine) == 4.5
    source = sources.open_source(mine, Options(2))
    assert source.max_episode_steps == 5
    source.close()


@pytest.mark.parametrize(
    ("env", "message"),
    [
        ("no_such_module:Mine-v0", "must name a module that can be imported"),
        (".relative:Mine-v0", "TypeError"),
    ],
)
def test_module_that_cannot_be_imported_is_named(env, message):
    with pytest.raises((ImportError, RuntimeError), match=message) as error:
        gymnasium_ids.make_env(env)
    assert env in str(error.value)


def test_exception_of_a_constructor_is_the_environments_own(register):
    register("Raising-v0", entry_point=Raising)
    with pytest.raises(RuntimeError, match="TypeError: no such eng") as error:
        gymnasium_ids.make_env("Raising-v0")
    assert "Raising-v0" in str(error.value)
    assert isinstance(error.value.__cause__, TypeError)


def test_minari_dataset_given_as_an_environment_is_named():
    with pytest.raises(ValueError, match="minari:D4RL/door/human-v2"):
        gymnasium_ids.make_env("D4RL/door/human-v2")
