"""Agents learn what can be learned in seconds."""

import functools

import keras
import numpy as np
import pytest

import keras_cem as cem
from tests import toy_envs

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(("n", "start"), [(3, 0), (4, 5), (2, -1)])
def test_identity_of_discrete_actions(n, start):
    make = functools.partial(toy_envs.Identity, n, start)
    agent = cem.CEMAgent.from_env(make, hidden_units=(), seed=0)
    agent.compile(keras.optimizers.Adam(0.1))
    arguments = {"max_episode_steps": 8, "verbose": 0}
    history = agent.fit(
        make,
        batch_size=64,
        epochs=25,
        callbacks=[cem.callbacks.EpsilonDecay(minimum=0.2)],
        **arguments,
    ).history
    trained = agent.evaluate(make, batch_size=100, **arguments)[0]
    # At random, as in the first iteration, it is 8 / n, at best 8.
    assert history["episode_return"][0] == pytest.approx(8 / n, abs=0.6)
    assert trained > 7.9
    env = make()
    observation, _ = env.reset(seed=0)
    for _ in range(8):
        action = agent.act(observation)
        assert env.action_space.contains(action)
        observation, reward, *_ = env.step(action)
        assert reward == 1.0


@pytest.mark.parametrize(
    ("dtype", "noise"), [(np.float32, "gaussian"), (np.float64, "uniform")]
)
def test_identity_of_continuous_actions(dtype, noise):
    # One dimension is 1000 times as wide as the other, and neither is centred.
    make = functools.partial(
        toy_envs.BoxIdentity, [-0.1, 0.0], [0.1, 200.0], dtype
    )
    agent = cem.CEMAgent.from_env(
        make,
        hidden_units=(),
        noise=noise,
        elite_quantile=0.7,
        gradient_steps=5,
        seed=0,
    )
    agent.compile(keras.optimizers.Adam(0.05))
    arguments = {"max_episode_steps": 4, "verbose": 0}
    decay = keras.optimizers.schedules.PolynomialDecay(1.0, 40, 0.1)
    agent.fit(
        make,
        batch_size=64,
        epochs=40,
        callbacks=[cem.callbacks.EpsilonDecay(decay)],
        **arguments,
    )
    trained = agent.evaluate(make, batch_size=100, **arguments)[0]
    # The middle of the box, or any constant action, is worth 2 of 4.
    assert trained > 3.8
