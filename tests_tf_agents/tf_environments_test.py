"""Native `TFEnvironment`s, played inside the compiled step."""

import warnings

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_cem.adapters.tf_agents import environments
from keras_cem.engines.playing import Options
from tests_tf_agents import toys
from tests_tf_agents.helpers import assert_same_trajectories, make_agent

K = 8


def collect(env, agent=None, **kwargs):
    agent = make_agent() if agent is None else agent
    return agent.collect(
        env, K, **{"epsilon": 0.7, "max_episode_steps": 9, **kwargs}
    )


@pytest.fixture(scope="module")
def expected():
    """What a `PyEnvironment` plays from where the native one always starts."""
    played = collect(toys.Py(seedable=False))
    assert 0 < played.terminated.sum() < K
    assert played.lengths.max() == toys.LIMIT > played.lengths.min()
    return played


# 8 of 3 rows are three rounds, of 16 rows half a round.
@pytest.mark.parametrize("size", [3, 16])
def test_plays_what_a_py_environment_plays(size, expected):
    env = toys.Native(size)
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # None that XLA cannot compile it.
        assert_same_trajectories(collect(env), expected)
    # One reset a round, and one to see whether XLA compiles it.
    assert int(env.num_resets) == -(-K // size) + 1


def test_without_xla_it_warns_and_plays_the_same(expected):
    env = toys.Native(3, python=True)
    with pytest.warns(
        UserWarning, match="XLA cannot compile the environment .*Native.*PyFunc"
    ):
        played = collect(env)
    assert_same_trajectories(played, expected)


def test_the_cap_truncates_what_goes_on():
    played = collect(toys.Native(4), max_episode_steps=3)
    assert played.mask.shape == (K, 3)
    assert np.all((played.lengths == 3) | played.terminated)


def test_rows_can_be_seeded():
    first, second = (
        collect(toys.SeedRows(size), epsilon=None) for size in (3, 8)
    )
    starts = first.observations[:, 0, 0]
    assert len(np.unique(starts)) > 2
    np.testing.assert_array_equal(starts, second.observations[:, 0, 0])
    assert_same_trajectories(first, second)


def test_fit_learns_what_it_does_on_a_py_environment():
    learned, evaluated = [], []
    for env in (toys.Native(3), toys.Py(seedable=False)):
        agent = make_agent(epsilon=0.7)
        agent.compile(keras.optimizers.SGD(0.1), steps_per_execution=2)
        common = {"batch_size": 4, "max_episode_steps": 9, "verbose": 0}
        for _ in range(2):
            agent.fit(env, steps_per_epoch=2, **common)
        # For all calls of `fit`, not one for each.
        assert len(agent.train_function.functions) == 1
        learned.append(agent.policy.get_weights())
        evaluated.append(agent.evaluate(env, steps=2, **common))
    assert np.any(learned[0][0] != make_agent().policy.get_weights()[0])
    for first, second in zip(*learned, strict=True):
        np.testing.assert_allclose(first, second, rtol=1e-5)
    np.testing.assert_allclose(*evaluated, rtol=1e-6)


def test_a_compiled_step_belongs_to_one_instance():
    env = toys.Native(2)
    options = Options(K, max_episode_steps=9)
    keys = [
        environments.open_tf(which, options).key
        for which in (env, env, toys.Native(2))
    ]
    assert keys[0] == keys[1] != keys[2]


class Broken(toys.Native):
    def _step(self, action):
        raise KeyError("no such door")


class TooWide(toys.Native):
    def _observation(self):
        return tf.zeros((self.batch_size, 3))


@pytest.mark.parametrize(
    ("env", "options", "error", "message"),
    [
        (
            toys.Native(),
            {"max_episode_steps": None},
            ValueError,
            "`max_episode_steps` must be given .* max_episode_steps=None.*Nat",
        ),
        (
            toys.Native(),
            {"engine": "host"},
            ValueError,
            "`engine` must be 'auto' or 'graph' for a `TFEnvironment`.*'host'",
        ),
        (
            toys.Native(),
            {"num_envs": 4},
            ValueError,
            "`num_envs` must be None for a `TFEnvironment`.* num_envs=4",
        ),
        (
            Broken(),
            {},
            RuntimeError,
            "(?s)`step` of the .*Broken.* raised KeyError.*no such door",
        ),
        (
            TooWide(2),
            {},
            ValueError,
            r"Observations .*TooWide.* must have shape \(2, 2\).*\(2, 3\)",
        ),
    ],
    ids=["endless", "host", "num_envs", "broken", "shape"],
)
def test_refuses(env, options, error, message):
    with pytest.raises(error, match=message):
        collect(env, **options)
