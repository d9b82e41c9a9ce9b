"""Limits on the length of an episode are those of TF-Agents' own wrappers."""

import numpy as np
import pytest
from tf_agents.environments import tf_py_environment, tf_wrappers, wrappers

import keras_cem as cem
from keras_cem.adapters.tf_agents import (
    GraphTFEnvironment,
    GymnasiumPyEnvironment,
)
from keras_cem.adapters.tf_agents.environments import _own_limit
from keras_cem.engines import sources
from keras_cem.engines.playing import Options
from tests_tf_agents import toys


class Song(toys.Py):
    """Names that mean something else here."""

    duration = 2
    fix_length = 3
    max_episode_steps = 4


class Outer(wrappers.PyEnvironmentBaseWrapper):
    """Passes on whatever it is asked for."""

    def __init__(self, env):
        super().__init__(env)
        self.duration = 1


@pytest.mark.parametrize(
    ("make", "limit"),
    [
        (Song, None),
        (lambda: Outer(Song()), None),
        (lambda: wrappers.TimeLimit(Song(), 5), 5),
        (lambda: Outer(wrappers.TimeLimit(Song(), 5)), 5),
        (lambda: wrappers.TimeLimit(wrappers.TimeLimit(Song(), 5), 7), 5),
        (lambda: wrappers.FixedLength(Song(), 9), 9),
        (lambda: GymnasiumPyEnvironment("CartPole-v1"), 500),
        (lambda: GymnasiumPyEnvironment(toys.Gymnasium()), None),
        (lambda: Outer(GymnasiumPyEnvironment("CartPole-v1")), 500),
        (toys.Native, None),
        (
            lambda: GraphTFEnvironment(
                cem.envs.make("CartPole-v1", max_episode_steps=15)
            ),
            15,
        ),
    ],
)
def test_limit_is_read_from_known_wrappers_alone(make, limit):
    assert _own_limit(make()) == limit


def test_limit_inside_of_a_tf_environment():
    inner = tf_py_environment.TFPyEnvironment(wrappers.TimeLimit(Song(), 5))
    try:
        assert _own_limit(tf_wrappers.TFEnvironmentBaseWrapper(inner)) == 5
    finally:
        inner.close()


def test_attribute_of_another_meaning_is_no_limit():
    with pytest.raises(ValueError, match="`max_episode_steps` must be given"):
        sources.open_source(Song(), Options(2))
    agent = cem.CEMAgent.from_env(Song(), hidden_units=(), seed=0)
    played = agent.collect(Song(), 4, epsilon=1.0, max_episode_steps=9)
    plain = agent.collect(toys.Py(), 4, epsilon=1.0, max_episode_steps=9)
    lengths = np.sum(played.mask, axis=1)
    np.testing.assert_array_equal(lengths, np.sum(plain.mask, axis=1))
    assert lengths.max() > Song.max_episode_steps
