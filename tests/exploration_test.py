"""Exploration that persists, from the agent to the actions of an episode."""

import keras
import numpy as np
import pytest

import keras_cem as cem

OPTIONS = {
    "CartPole-v1": {"persistence": 5},
    "Pendulum-v1": {"noise": "correlated", "correlation": 0.8},
}
PLAYED = {"max_episode_steps": 12, "epsilon": 0.5}


def make_agent(env, **options):
    """An agent that is undecided: its outputs are 0."""
    observation_space, action_space = cem.CEMAgent.spaces_of(env)
    size = getattr(action_space, "n", 1)
    return cem.CEMAgent(
        keras.Sequential(
            [keras.layers.Dense(size, kernel_initializer="zeros")]
        ),
        action_space,
        observation_space=observation_space,
        seed=4,
        **options,
    )


@pytest.mark.parametrize("env", OPTIONS)
def test_actions_do_not_depend_on_the_layout_nor_the_engine(env):
    agent = make_agent(env, **OPTIONS[env])
    expected = agent.collect(env, 9, engine="host", num_envs=9, **PLAYED)
    others = [
        agent.collect(env, 9, engine="host", num_envs=2, **PLAYED),
        # Starts from other states, but explores alike.
        agent.collect(env, 9, engine="graph", **PLAYED),
    ]
    for other in others:
        both = expected.mask & other.mask
        assert both.sum() > 60
        np.testing.assert_allclose(
            other.actions[both], expected.actions[both], rtol=1e-4, atol=1e-5
        )


def test_noise_of_an_episode_is_alike_from_step_to_step():
    """The correlation of neighbours is beta; epsilon 0.1 clips nothing."""
    env = "Pendulum-v1"
    agent = make_agent(env, noise="correlated", correlation=0.95)
    played = agent.collect(env, 300, epsilon=0.1, max_episode_steps=20)
    # In half-widths, which are 2.
    noise = played.actions[..., 0] / (0.1 * 2)
    np.testing.assert_allclose(np.mean(noise**2), 1.0, atol=0.15)
    neighbours = np.mean(noise[:, 1:] * noise[:, :-1])
    np.testing.assert_allclose(neighbours, 0.95, atol=0.15)
    # And new in each episode.
    assert abs(np.mean(noise[1:] * noise[:-1])) < 0.15


def test_held_actions_last():
    """Share of episodes that begin with eight equal actions.

    Of eight fair coins, it is 2**-7; of actions that are held for up to eight
    steps, one that starts at once lasts for all of them with 1/2 * 1/8.
    """
    played = make_agent("CartPole-v1", persistence=8).collect(
        "CartPole-v1", 400, epsilon=0.5, max_episode_steps=8
    )
    assert np.mean(np.ptp(played.actions, axis=1) == 0) > 0.7 / 16
