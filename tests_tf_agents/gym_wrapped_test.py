"""gym environments of TF-Agents, played past its wrapper: nothing changes."""

import contextlib

import numpy as np
import pytest
from tf_agents.environments import (
    batched_py_environment,
    gym_wrapper,
    suite_gym,
    tf_py_environment,
    wrappers,
)
from tf_agents.trajectories import time_step as ts

import keras_cem as cem
from keras_cem.adapters.tf_agents import gym_wrapped
from keras_cem.adapters.tf_agents.py_environments import Single
from tests_tf_agents.helpers import assert_same_trajectories

# How many steps each is played for at most, or what the environment says.
ENVS = {
    "ends": lambda: suite_gym.load("CartPole-v1"),
    "limit": lambda: suite_gym.load("CartPole-v1", max_episode_steps=20),
    "no_limit": lambda: suite_gym.load("CartPole-v1", max_episode_steps=0),
    "no_discount": lambda: suite_gym.load(
        "CartPole-v1", discount=0.0, max_episode_steps=20
    ),
    "box": lambda: suite_gym.load("Pendulum-v1", max_episode_steps=9),
    "integers": lambda: suite_gym.load("FrozenLake-v1"),
}


@pytest.mark.parametrize("name", list(ENVS))
def test_plays_what_the_wrapper_plays(name, monkeypatch):
    with contextlib.closing(ENVS[name]()) as env:
        agent = cem.CEMAgent.from_env(env, hidden_units=(2,), seed=0)
        given = {"epsilon": 0.9, "max_episode_steps": 30}
        assert gym_wrapped.is_gym_wrapped(env)
        played = agent.collect(env, 6, **given)
        monkeypatch.setattr(
            "keras_cem.adapters.tf_agents.environments.is_gym_wrapped",
            lambda env: False,
        )
        assert_same_trajectories(played, agent.collect(env, 6, **given))


class OtherWrapper(gym_wrapper.GymWrapper):
    """Pays two for one."""

    def _step(self, action):
        step = super()._step(action)
        return step._replace(reward=2 * step.reward)


class OtherLimit(wrappers.TimeLimit):
    """Does not differ, but might."""


def test_only_what_is_known_through_and_through_is_played_past():
    gym = suite_gym.load("CartPole-v1").gym
    usual = gym_wrapper.GymWrapper(gym)
    assert gym_wrapped.is_gym_wrapped(usual)
    for other in (
        OtherWrapper(gym),
        OtherLimit(usual, 9),
        wrappers.ActionRepeat(usual, 2),
        wrappers.TimeLimit(wrappers.ActionRepeat(usual, 2), 9),
        gym_wrapper.GymWrapper(gym, match_obs_space_dtype=False),
    ):
        assert not gym_wrapped.is_gym_wrapped(other)
    # And is what is played then.
    agent = cem.CEMAgent.from_env(usual, hidden_units=(2,), seed=0)
    played = agent.collect(OtherWrapper(gym), 2, max_episode_steps=9)
    assert (played.rewards[played.mask] == 2).all()


def test_whoever_steps_it_afterwards_starts_an_episode():
    env = suite_gym.load("CartPole-v1")
    env.reset()
    assert env.step(np.array(0)).step_type == ts.StepType.MID
    played = gym_wrapped.GymWrapped(env)
    played.reset(seed=0)
    played.step(np.int64(1))
    assert env.step(np.array(0)).step_type == ts.StepType.FIRST
    assert env.step(np.array(0)).step_type == ts.StepType.MID


def test_they_are_played_past_in_a_batch_and_in_a_tf_environment(monkeypatch):
    def refuse(self, action):
        raise AssertionError("stepped by the wrapper")

    monkeypatch.setattr(Single, "step", refuse)
    envs = [suite_gym.load("CartPole-v1") for _ in range(2)]
    batch = batched_py_environment.BatchedPyEnvironment(
        envs, multithreading=False
    )
    with contextlib.closing(tf_py_environment.TFPyEnvironment(batch)) as env:
        agent = cem.CEMAgent.from_env(env, hidden_units=(2,), seed=0)
        played = agent.collect(env, 3, max_episode_steps=9)
    assert played.lengths.min() >= 8
