"""Returns of many steps, alike in both engines, and means of many returns."""

import gymnasium
import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_cem as cem
from keras_cem import envs
from keras_cem.agent import metrics
from keras_cem.engines.summed import summed

STEPS = 10**5
# On the host, where 10^5 take long. In float32, one by one, they are 999.90.
HOST_STEPS = 10**4


class Drip(gymnasium.Env):
    """A reward of 0.1 a step."""

    observation_space = gymnasium.spaces.Discrete(1)
    action_space = gymnasium.spaces.Discrete(1)

    def reset(self, *, seed=None, options=None):
        self._step = 0
        return 0, {}

    def step(self, action):
        self._step += 1
        return 0, 0.1, False, self._step == HOST_STEPS, {}


def dripping():
    """The same in the graph."""
    return envs.Tabular(
        [[[(1.0, 0, 0.1, False)]]], [1.0], max_episode_steps=STEPS
    )


def agent_of(env, jit_compile="auto", **options):
    agent = cem.CEMAgent.from_env(env, hidden_units=(), seed=0, **options)
    agent.compile("adam", jit_compile=jit_compile)
    return agent


@pytest.mark.slow
def test_returns_of_many_steps_do_not_drift_in_the_graph():
    """In float32, one by one, they are 9998.56."""
    env = dripping()
    agent = agent_of(env)
    assert agent.evaluate(env, batch_size=2, verbose=0)[0] == 10_000.0
    np.testing.assert_array_equal(agent.collect(env, 2).returns, 10_000.0)


@pytest.mark.slow
def test_discounted_returns_of_many_steps_do_not_drift_in_the_graph():
    env = dripping()
    # Traced, 10^5 steps take 40 s.
    agent = agent_of(env, True, discount=0.99999, elite_quantile=0.5)
    history = agent.fit(env, batch_size=2, verbose=0).history
    exact = float(np.float32(0.1)) * (1 - 0.99999**STEPS) / 1e-5
    np.testing.assert_allclose(history["elite_threshold"], exact, rtol=1e-7)


def test_returns_of_many_steps_do_not_drift_on_the_host():
    played = agent_of(Drip()).collect(Drip(), 1, max_episode_steps=HOST_STEPS)
    np.testing.assert_array_equal(played.returns, np.float32(1000.0))


@pytest.mark.parametrize("discount", [1.0, 0.999])
@pytest.mark.parametrize("convert", [np.asarray, tf.constant])
def test_returns_are_sums_step_by_step_in_float64(convert, discount):
    """As the loop in the graph adds them up, to the last bit."""
    numbers = np.random.default_rng(0)
    rewards = numbers.normal(size=(50, 3000)).astype(np.float32)
    mask = np.arange(3000) < numbers.integers(1, 3001, 50)[:, None]
    played = cem.Trajectories(None, None, convert(rewards), convert(mask), None)
    weights = np.float32(discount ** np.arange(3000.0))
    total = np.zeros(50)
    for step in range(3000):
        term = rewards[:, step].astype(float) * float(weights[step])
        total += np.where(mask[:, step], term, 0.0)
    got = (
        played.returns
        if discount == 1.0
        else (
            played._replace(rewards=tf.constant(rewards)).discounted_returns(
                discount
            )
        )
    )
    assert got.dtype == np.float32
    np.testing.assert_array_equal(got, total.astype(np.float32))


@pytest.mark.parametrize("discount", [1.0, 0.999])
def test_returns_depend_neither_on_padding_nor_on_other_trajectories(discount):
    """In float64, where pairwise sums differ in the last bits."""
    numbers = np.random.default_rng(0)
    rewards = numbers.normal(size=(50, 3000))
    mask = np.arange(3000) < numbers.integers(1, 2000, 50)[:, None]
    played = cem.Trajectories(None, None, rewards, mask, None)
    whole = summed(played, discount)
    weights = np.float32(discount ** np.arange(3000.0))
    total = np.zeros(50)
    for step in range(3000):
        total += np.where(mask[:, step], rewards[:, step] * weights[step], 0.0)
    ranked = whole.ranked(discount)
    np.testing.assert_array_equal(ranked, total.astype(np.float32))
    for rows, steps in ((slice(0, 1), 3000), (slice(7, 23), 2001)):
        part = played._replace(rewards=rewards[rows, :steps])
        part = part._replace(mask=mask[rows, :steps])
        apart = summed(part, discount)
        np.testing.assert_array_equal(apart.ranked(discount), ranked[rows])
        np.testing.assert_array_equal(apart.returns, whole.returns[rows])


@pytest.mark.slow
def test_engines_rank_by_the_same_returns():
    """Equal to the last bit, also where float32 rounds each sum."""
    steps = 3000
    rewards = np.random.default_rng(0).normal(size=steps)
    table = [
        [[(1.0, min(k + 1, steps - 1), float(rewards[k]), k == steps - 1)]]
        for k in range(steps)
    ]
    start = [1.0] + [0.0] * (steps - 1)
    env = envs.Tabular(table, start, max_episode_steps=steps)
    agent = agent_of(env)
    played = agent.collect(env, 2)
    assert played.rewards.shape == (2, steps)
    np.testing.assert_array_equal(
        played.returns,
        np.float32(sum(np.float32(rewards).tolist())),
    )
    evaluated = agent.evaluate(env, batch_size=2, verbose=0)[0]
    assert evaluated == played.returns[0]


@pytest.mark.parametrize("jit_compile", [False, True])
def test_means_of_many_returns_do_not_drift(jit_compile):
    """Keras' own mean, which adds in float32, is 0.6 off."""
    mean = metrics.Mean("episode_return")
    update = tf.function(mean.update_state, jit_compile=jit_compile)
    values = tf.fill([1000], 499.9)
    for _ in range(1000):
        update(values)
    np.testing.assert_allclose(
        float(mean.result()), np.float32(499.9), rtol=1e-12
    )


def test_mean_weighs_as_keras_does():
    ours, keras_mean = metrics.Mean("mean"), keras.metrics.Mean()
    values, weights = tf.constant([1.0, 5.0, 9.0]), tf.constant([1.0, 0.0, 3.0])
    for mean in (ours, keras_mean):
        assert float(mean.result()) == 0.0
        mean.update_state(values, weights)
        mean.update_state(4.0)
    assert float(ours.result()) == 32 / 5
    assert float(keras_mean.result()) == np.float32(32 / 5)
    ours.reset_state()
    assert float(ours.result()) == 0.0
