"""Native `TFEnvironment`s, played inside the compiled step."""

import sys
import warnings

import keras
import numpy as np
import pytest
import tensorflow as tf
from tf_agents.specs import tensor_spec
from tf_agents.trajectories import time_step as ts

import keras_cem as cem
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


@pytest.mark.parametrize("make", [lambda: toys.Native(3), toys.Py])
def test_the_observation_after_the_last_step_is_kept(make):
    # Explored alike, episodes cut at 3 go on to 9.
    cut = collect(make(), max_episode_steps=3)
    whole = collect(make())
    goes_on = ~cut.terminated & (whole.lengths > 3)
    assert goes_on.any()
    np.testing.assert_array_equal(
        cut.final_observations[goes_on], whole.observations[goes_on, 3]
    )


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


PUSH = 1.0


class Adjustable(toys.Native):
    """Pays what its attributes and its code say."""

    bonus = 0.0

    def __init__(self, batch_size=1):
        super().__init__(batch_size)
        self.factor = 1.0
        self.num_traced = 0

    def _step(self, action):
        self.num_traced += 1
        time_step = super()._step(action)
        reward = tf.ones_like(time_step.reward) * self.factor
        return time_step._replace(reward=reward * PUSH + self.bonus)


def test_a_compiled_step_follows_changes_of_its_environment(monkeypatch):
    env, agent = Adjustable(K), make_agent()

    def play():
        played = collect(env, agent, max_episode_steps=1)
        return played.returns.tolist()

    assert play() == [1.0] * K
    env.factor = 2.0
    assert play() == [2.0] * K
    monkeypatch.setattr(Adjustable, "bonus", 1.0)
    assert play() == [3.0] * K
    monkeypatch.setattr(sys.modules[__name__], "PUSH", 4.0)
    assert play() == [9.0] * K
    # What it counts as it is traced makes nothing anew.
    assert play() == [9.0] * K
    assert env.num_traced > 0
    assert len(agent._player.in_graph._functions) == 4


CODE = tensor_spec.BoundedTensorSpec((), tf.int32, 0, 4, "code")


class Coded(toys.Native):
    """Observes codes; from its third step on, one row's is 9 or more."""

    def __init__(self, batch_size, row):
        super().__init__(batch_size)
        self._time_step_spec = ts.time_step_spec(CODE)
        self._row = row

    def _observation(self):
        wrong = tf.equal(tf.range(self.batch_size), self._row)
        return tf.where(wrong & (self._steps >= 2), 9, self._steps % 5)


@pytest.mark.parametrize("skip", ["raise", "skip"])
@pytest.mark.parametrize("network", [{}, {"embedding": 2}])
def test_observation_outside_of_its_space_is_refused(network, skip):
    env = Coded(4, row=2)
    agent = cem.CEMAgent.from_env(
        env,
        hidden_units=(),
        network=network,
        on_nonfinite=skip,
        seed=0,
    )
    agent.compile("sgd")
    before = agent.policy.get_weights()
    message = "The observation .*trajectory 2.* step 2"
    common = {"max_episode_steps": 6, "verbose": 0}
    for play in (
        lambda: agent.collect(env, 4, max_episode_steps=6),
        lambda: agent.evaluate(env, batch_size=4, **common),
        lambda: agent.fit(env, batch_size=4, **common),
    ):
        with pytest.raises(RuntimeError, match=message) as error:
            play()
        assert "outside of the observation space" in str(error.value)
    for weight, value in zip(agent.policy.get_weights(), before, strict=True):
        np.testing.assert_array_equal(weight, value)
    sound = Coded(4, row=9)
    history = agent.fit(sound, batch_size=4, **common).history
    assert history["episode_length"][0] > 2


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
