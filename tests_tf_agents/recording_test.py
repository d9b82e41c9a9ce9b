"""`recording.record` on environments of TF-Agents."""

import contextlib

import numpy as np
import pytest
from tf_agents.environments import (
    batched_py_environment,
    tf_py_environment,
)

import keras_cem as cem
from keras_cem.adapters.tf_agents import GymnasiumPyEnvironment
from keras_cem.pictures import films
from tests_tf_agents import toys


@pytest.fixture
def filmed(monkeypatch):
    """Frames that would be written; imageio is not needed."""
    frames = []
    monkeypatch.setattr(films, "write", lambda found, *_: frames.extend(found))
    return frames


def made(wrapped):
    import gymnasium

    env = gymnasium.make("CartPole-v1", render_mode="rgb_array")
    py = GymnasiumPyEnvironment(env)
    return tf_py_environment.TFPyEnvironment(py) if wrapped else py


@pytest.mark.parametrize("wrapped", [False, True])
def test_film_shows_the_episodes_of_collect(wrapped, filmed):
    with contextlib.closing(made(wrapped)) as env:
        agent = cem.CEMAgent.from_env(env, hidden_units=(2,), seed=0)
        returns = cem.recording.record(agent, env, 2, max_episode_steps=20)
        played = agent.collect(env, 2, max_episode_steps=20)
        # It was not closed.
        env.reset()
    assert returns == played.returns.tolist()
    assert len(filmed) == played.lengths.sum() + 2
    assert all(frame.shape == (400, 600, 3) for frame in filmed)
    assert np.any(filmed[0] != filmed[-1])


def test_environment_that_does_not_render_is_named(filmed):
    env = toys.Py()
    agent = cem.CEMAgent.from_env(env, hidden_units=(2,), seed=0)
    with pytest.raises(RuntimeError, match=r"`render` .* NotImplementedError"):
        cem.recording.record(agent, env)


def test_batched_and_tensorflow_environments_are_refused(filmed):
    with contextlib.closing(
        batched_py_environment.BatchedPyEnvironment([toys.Py(), toys.Py()])
    ) as two:
        for env in (two, toys.Native()):
            agent = cem.CEMAgent.from_env(env, hidden_units=(2,), seed=0)
            with pytest.raises(ValueError, match="be a `PyEnvironment` that"):
                cem.recording.record(agent, env)
