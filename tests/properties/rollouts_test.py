"""Rollouts against a loop that plays one environment at a time."""

import functools

import gymnasium
import numpy as np
from gymnasium.vector import AutoresetMode
from hypothesis import given
from hypothesis import strategies as st

from keras_cem.engines import sources
from keras_cem.engines.playing import Options
from tests import strategies, toy_envs

NUM_ACTIONS = 5


class Tabled(gymnasium.Env):
    """Plays the episode of a table that its reset seed is the number of.

    An episode is the rewards of its steps and whether it is truncated, not
    terminated. What is observed and paid depends on the actions so far.
    """

    observation_space = gymnasium.spaces.Box(-1e6, 1e6, (3,), np.float32)
    action_space = gymnasium.spaces.Discrete(NUM_ACTIONS)

    def __init__(self, table):
        self._table = table

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        # Without a seed: an episode that must never become data.
        self._number = -1 if seed is None else seed
        self._rewards, self._truncated = (
            ([1e5], False) if seed is None else self._table[seed]
        )
        self._step, self._acted = 0, 0
        return self._observation(), {}

    def step(self, action):
        reward = self._rewards[self._step] + int(action)
        self._step += 1
        self._acted = (2 * self._acted + int(action)) % 97
        over = self._step == len(self._rewards)
        terminated, truncated = over and not self._truncated, False
        truncated = over and self._truncated
        return self._observation(), reward, terminated, truncated, {}

    def _observation(self):
        return np.array([self._number, self._step, self._acted], np.float32)


def _choose(observations):
    weights = np.array([3, 5, 7])
    return (observations.astype(np.int64) @ weights) % NUM_ACTIONS


def _act(observations, counter):
    (observations,) = observations
    return [_choose(observations)], np.ones(len(observations), bool)


def _play(env, seed, most):
    """One episode, step by step."""
    steps = []
    observation, _ = env.reset(seed=seed)
    terminated = truncated = False
    while not (terminated or truncated) and len(steps) < most:
        action = int(_choose(observation))
        following, reward, terminated, truncated, _ = env.step(action)
        steps.append((observation, action, reward))
        observation = following
    observations, actions, rewards = zip(*steps, strict=True)
    return np.array(observations), list(actions), list(rewards), terminated


tables = st.lists(
    st.tuples(
        st.lists(st.integers(-9, 9), min_size=1, max_size=6), st.booleans()
    ),
    min_size=1,
    max_size=9,
)


@strategies.examples(120)
@given(
    tables,
    st.sampled_from([None, *AutoresetMode]),
    st.integers(1, 7),
    st.integers(1, 7),
)
def test_episodes_are_those_of_the_loop(table, mode, num_envs, most):
    make = functools.partial(Tabled, table)
    options = Options(
        batch_size=len(table),
        max_episode_steps=most,
        num_envs=num_envs if mode is None else None,
    )
    env = make if mode is None else toy_envs.vectorized(make, num_envs)(mode)
    source = sources.open_source(env, options)
    try:
        played = source.collect(_act, list(range(len(table))), 0)
    finally:
        source.close()
    single = make()
    for number in range(len(table)):
        observations, actions, rewards, terminated = _play(single, number, most)
        length = len(rewards)
        assert played.lengths[number] == length
        np.testing.assert_array_equal(
            played.observations[number, :length], observations
        )
        np.testing.assert_array_equal(played.actions[number, :length], actions)
        np.testing.assert_array_equal(played.rewards[number, :length], rewards)
        assert played.returns[number] == sum(rewards)
        assert played.terminated[number] == terminated
        assert not played.mask[number, length:].any()
