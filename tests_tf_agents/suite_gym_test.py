"""gym environments of `suite_gym` play as any other `PyEnvironment`."""

import contextlib

import pytest
from tf_agents.environments import gym_wrapper, suite_gym

import keras_cem as cem


def collect(env, episodes=3, **given):
    agent = cem.CEMAgent.from_env(env, hidden_units=(2,), seed=0)
    return agent.collect(env, episodes, epsilon=0.9, **given)


@pytest.mark.parametrize(
    ("discount", "terminated"), [(1.0, False), (0.0, True)]
)
def test_limit_ends_episodes_as_the_discount_says(discount, terminated):
    load = suite_gym.load("Pendulum-v1", discount=discount, max_episode_steps=9)
    with contextlib.closing(load) as env:
        played = collect(env)
    assert played.lengths.tolist() == [9, 9, 9]
    assert played.terminated.tolist() == [terminated] * 3


def test_episodes_that_end_before_the_limit_are_terminated():
    with contextlib.closing(suite_gym.load("CartPole-v1")) as env:
        played = collect(env, 6)
    assert played.lengths.max() < 500
    assert played.terminated.all()
    assert played.returns.tolist() == played.lengths.tolist()


class Doubled(gym_wrapper.GymWrapper):
    """Pays two for one."""

    def _step(self, action):
        step = super()._step(action)
        return step._replace(reward=2 * step.reward)


def test_what_a_wrapper_does_is_played():
    gym = suite_gym.load("CartPole-v1").gym
    played = collect(Doubled(gym), max_episode_steps=9)
    assert (played.rewards[played.mask] == 2).all()
