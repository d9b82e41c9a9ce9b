"""Minari datasets, made here: nothing is downloaded."""

import sys

import gymnasium
import minari
import numpy as np
import pytest
from minari.data_collector import EpisodeBuffer

import keras_cem as cem
from keras_cem.engines import sources
from keras_cem.engines.playing import Options

ENV = "CartPole-v1"
ID = "toy/cartpole-v0"


@pytest.fixture
def dataset(tmp_path, monkeypatch):
    """Twelve episodes of 3 to 14 steps; the longer, the more often action 1."""
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path))
    generator = np.random.default_rng(0)
    buffers = []
    for steps in range(3, 15):
        actions = np.arange(steps) * 7 % 14 < steps
        buffers.append(
            EpisodeBuffer(
                observations=generator.normal(size=(steps + 1, 4)).astype(
                    np.float32
                ),
                actions=actions.astype(np.int64),
                rewards=[1.0] * steps,
                terminations=[False] * (steps - 1) + [True],
                truncations=[False] * steps,
                infos={},
            )
        )
    return minari.create_dataset_from_buffers(
        ID,
        buffers,
        env=ENV,
        eval_env=ENV,
        algorithm_name="by hand",
        author="nobody",
        author_email="nobody@example.org",
        code_permalink="none",
        description="A few made-up episodes.",
    )


def fit(x, **options):
    agent = cem.CEMAgent.from_env(x, hidden_units=(4,), seed=0)
    agent.compile("adam")
    history = agent.fit(x, batch_size=4, verbose=0, **options).history
    return agent, history


@pytest.mark.slow
def test_dataset_is_read_by_instance_and_by_id(dataset):
    agent, history = fit(dataset, epochs=3, steps_per_epoch=3)
    # Each epoch is one pass over the twelve.
    np.testing.assert_allclose(history["episode_length"], [8.5] * 3)
    np.testing.assert_allclose(history["episode_return"], [8.5] * 3)
    assert history["env_steps"] == [0] * 3
    again, _ = fit(f"minari:{ID}", epochs=3, steps_per_epoch=3)
    for mine, theirs in zip(
        agent.get_weights(), again.get_weights(), strict=True
    ):
        np.testing.assert_array_equal(mine, theirs)


def test_from_env_takes_the_spaces_of_the_dataset(dataset):
    agent = cem.CEMAgent.from_env(dataset, hidden_units=(4,))
    made = gymnasium.make(ENV)
    assert agent.observation_space == cem.spaces.get(made.observation_space)
    assert agent.action_space == cem.spaces.get(made.action_space)


def test_what_is_read_is_what_is_stored(dataset):
    source = sources.open_source(dataset, Options(2))
    assert source.name == f"minari:{ID}"
    source.load(source.observation_space, source.action_space, 12)
    read = source.read(0, 0)
    for row, steps in enumerate(read.lengths):
        (stored,) = (each for each in dataset if len(each) == steps)
        np.testing.assert_array_equal(
            read.observations[row, :steps], stored.observations[:-1]
        )
        np.testing.assert_array_equal(read.actions[row, :steps], stored.actions)
    assert read.terminated.all()


@pytest.mark.slow
def test_part_of_a_dataset_is_a_dataset(dataset):
    long = dataset.filter_episodes(lambda each: len(each) > 10)
    _, history = fit(long, epochs=1)
    assert history["episode_length"] == [12.5]


def test_spaces_that_differ_are_shown(dataset):
    for agent in (
        cem.CEMAgent.from_env("MountainCar-v0", hidden_units=(4,)),
        cem.CEMAgent.from_env("Acrobot-v1", hidden_units=(4,)),
    ):
        agent.compile("adam")
        with pytest.raises(ValueError, match="agent's action space") as error:
            agent.fit(dataset)
        message = str(error.value)
        assert f"{agent.action_space}. Received: minari:{ID}" in message
        assert "action_space=Discrete(n=2" in message
    agent = cem.CEMAgent.from_env(ENV, hidden_units=(4,))
    narrow = gymnasium.spaces.Box(-1.0, 1.0, (4,))
    agent = cem.CEMAgent(
        agent.policy, agent.action_space, observation_space=narrow
    )
    agent.compile("adam")
    with pytest.raises(ValueError, match="the agent was built for") as error:
        agent.fit(dataset)
    assert "Box(low=-1.0" in str(error.value)


def test_unknown_dataset_is_refused(dataset):
    with pytest.raises(ValueError, match="on this machine") as error:
        cem.CEMAgent.from_env("minari:toy/other-v0")
    assert "Received: x='minari:toy/other-v0'" in str(error.value)
    assert "`minari download toy/other-v0`" in str(error.value)


def test_missing_minari_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "minari", None)
    with pytest.raises(ImportError, match="needs minari") as error:
        cem.CEMAgent.from_env("minari:toy/cartpole-v0")
    assert "pip install 'keras-cem[minari]'" in str(error.value)
