import re

import gymnasium
import numpy as np
import pytest
import tensorflow as tf

from keras_cem.engines import sources
from keras_cem.engines.playing import Options
from tests import toy_envs
from tests.helpers import stable_id


class Generator:
    def __iter__(self):
        return self

    def __next__(self):
        return np.zeros((2, 2))


@pytest.mark.parametrize(
    "data",
    [
        None,
        np.zeros((2, 2)),
        tf.zeros((2, 2)),
        tf.data.Dataset.range(3),
        [1.0, 2.0],
        (1.0, 2.0),
        {"observations": np.zeros(2)},
        Generator(),
        (np.zeros(2) for _ in range(2)),
    ],
    ids=lambda data: type(data).__name__,
)
def test_is_env_leaves_data_to_keras(data):
    assert not sources.is_env(data)


@pytest.mark.parametrize(
    "env",
    [
        "CartPole-v1",
        "no such environment",
        toy_envs.Scripted(),
        gymnasium.vector.SyncVectorEnv([toy_envs.Scripted]),
        toy_envs.EchoVectorEnv(),
        toy_envs.Scripted,
        lambda: toy_envs.Scripted(),
    ],
    ids=lambda env: type(env).__name__,
)
def test_is_env_knows_environments(env):
    assert sources.is_env(env)


@pytest.mark.parametrize("x", [7, 1.5, object()], ids=stable_id)
def test_is_env_refuses_what_is_neither(x):
    expected = f"Received: x={x!r} of type {type(x).__name__}"
    with pytest.raises(TypeError, match=re.escape(expected)):
        sources.is_env(x)


def test_open_source_refuses_what_is_no_environment():
    with pytest.raises(
        TypeError, match=r"`env` must be a gymnasium id.*env=7 of type int"
    ):
        sources.open_source(7, Options(batch_size=2))


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("batch_size", 0),
        ("batch_size", 2.5),
        ("num_envs", 0),
        ("num_envs", "3"),
        ("max_episode_steps", 0),
        ("max_episode_steps", -5),
        ("max_episode_steps", 10.0),
    ],
)
def test_options_out_of_range_are_refused(option, value):
    expected = (
        f"`{option}` must be an integer of at least 1. "
        f"Received: {option}={value!r}"
    )
    with pytest.raises(ValueError, match=re.escape(expected)):
        Options(**{"batch_size": 2, option: value})


def test_unknown_vectorization_mode_is_refused():
    with pytest.raises(
        ValueError,
        match=r"'sync', 'async', 'vector_entry_point'.*"
        "Received: vectorization_mode='threads'",
    ):
        Options(batch_size=2, vectorization_mode="threads")
