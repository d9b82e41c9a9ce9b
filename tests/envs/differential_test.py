"""In-graph environments follow gymnasium's own, step for step.

Both start from the same state. Gymnasium computes in float64, keras_cem in
float32, so numbers agree to a few units in the last place: 1e-6 absolute and
relative, except where a test says why not. Whether an episode ends must agree
exactly.
"""

import functools

import numpy as np
import pytest
import tensorflow as tf

from keras_cem import envs
from tests.envs import reference

NUM_STATES = 2000

# Absolute and relative. Acrobot sums up terms of some hundred rad/s^2; rewards
# of Pendulum are as large as 16, and it squares an angle that turned often.
TOLERANCE = {"Acrobot-v1": 1e-5, "Pendulum-v1": 1e-5}

# In whole episodes rounding errors grow. CartPole and Pendulum lose balance by
# themselves and restart from gymnasium's state after that many steps; Acrobot
# is chaotic and does so in each step.
HORIZON = {"Acrobot-v1": 1, "CartPole-v1": 50, "Pendulum-v1": 10}
EPISODE_TOLERANCE = 1e-4


@functools.cache
def played(name):
    """States, actions, and what gymnasium makes of them."""
    boundaries = np.array(reference.BOUNDARIES[name])
    env = envs.make(name)
    repeats = getattr(env.action_space, "n", 3)
    states = np.concatenate(
        [
            reference.random_states(name, NUM_STATES, seed=0),
            np.tile(boundaries, (repeats, 1)),
        ]
    )
    actions = reference.random_actions(env, len(states), seed=1)
    if hasattr(env.action_space, "n"):
        every = np.repeat(np.arange(repeats), len(boundaries))
        actions[NUM_STATES:] = every
    expected = reference.Reference(name).step_rows(states, actions)
    return env, states, actions, expected


@pytest.mark.parametrize("mode", ["eager", "xla"])
@pytest.mark.parametrize("name", reference.CLASSIC)
def test_step_follows_gymnasium(name, mode):
    env, states, actions, expected = played(name)
    step = env.step
    if mode == "xla":
        step = tf.function(env.step, jit_compile=True)
    state, observations, rewards, terminated = step(
        reference.make_state(env, states),
        tf.constant(actions),
        reference.seeds(len(states)),
    )
    _, expected_observations, expected_rewards, expected_terminated = expected
    close = functools.partial(
        np.testing.assert_allclose,
        rtol=TOLERANCE.get(name, 1e-6),
        atol=TOLERANCE.get(name, 1e-6),
    )
    close(observations, expected_observations)
    close(rewards, expected_rewards)
    np.testing.assert_array_equal(terminated, expected_terminated)
    if name != "Acrobot-v1":  # pi and -pi are the same angle
        close(reference.rows(state), expected[0])


@pytest.mark.parametrize("name", ["Acrobot-v1", "CartPole-v1"])
def test_ends_are_among_the_states(name):
    *_, terminated = played(name)[-1]
    assert 0.05 < np.mean(terminated) < 0.95


def test_acrobot_follows_at_top_speed():
    # One Runge-Kutta step of 0.2 s is too long for 4.5 turns a second: it
    # multiplies what differs in the last place by up to 1e5.
    name = "Acrobot-v1"
    env = envs.make(name)
    states = reference.random_states(name, 500, seed=2) * [1, 1, 2, 2]
    actions = reference.random_actions(env, 500, seed=3)
    _, expected, _, terminated = reference.Reference(name).step_rows(
        states, actions
    )
    _, observations, _, ours = env.step(
        reference.make_state(env, states), actions, reference.seeds(500)
    )
    errors = np.abs(observations - expected).max(axis=-1)
    assert np.quantile(errors, 0.95) < 1e-4
    assert np.max(errors) < 0.05
    np.testing.assert_array_equal(ours, terminated)


def act(name, observation, row, rng):
    """Good behaviour in most rows, random in every third."""
    good = row % 3 != 2
    if name == "CartPole-v1":
        action = observation[2] + observation[3] > 0
        return int(action) if good else rng.integers(2)
    if name == "MountainCar-v0":
        return 2 * int(observation[1] > 0) if good else rng.integers(3)
    if name == "Acrobot-v1":
        return 2 * int(observation[5] > 0) if good else rng.integers(3)
    if name == "MountainCarContinuous-v0" and good:
        return np.sign(observation[1:]) + np.float32(0.3)
    return rng.uniform(-3, 3, 1).astype(np.float32)


class Episodes:
    """Episodes of gymnasium's own environment, one a row."""

    def __init__(self, name, states):
        self.name = name
        self.envs = [reference.Reference(name) for _ in states]
        self.rngs = [np.random.default_rng(row) for row in range(len(states))]
        for env, state in zip(self.envs, states, strict=True):
            env.set_state(state)
        self.playing = np.ones(len(states), bool)
        self.lengths = np.zeros(len(states), int)

    @property
    def states(self):
        return np.array([env.state for env in self.envs])

    def act(self, observations):
        return np.array(
            [
                act(self.name, observation, row, self.rngs[row])
                for row, observation in enumerate(observations)
            ]
        )

    def step(self, actions):
        """Returns `(row, observation, reward, terminated, truncated)`s."""
        results = []
        for row in np.flatnonzero(self.playing):
            result = self.envs[row].step(actions[row])[:4]
            self.playing[row] = not (result[2] or result[3])
            self.lengths[row] += 1
            results.append((row, *result))
        return results


@pytest.mark.slow
@pytest.mark.parametrize("name", reference.CLASSIC)
def test_whole_episodes_follow_gymnasium(name):
    env = envs.make(name)
    step = tf.function(env.step, jit_compile=True)
    seeds = reference.seeds(6)
    state, observations = env.reset(seeds)
    observations = observations.numpy()
    episodes = Episodes(name, reference.rows(state))
    close = functools.partial(
        np.testing.assert_allclose,
        rtol=EPISODE_TOLERANCE,
        atol=EPISODE_TOLERANCE,
    )
    for time in range(1, env.max_episode_steps + 1):
        actions = episodes.act(observations)
        state, *results = step(state, tf.constant(actions), seeds)
        observations, rewards, terminated = (part.numpy() for part in results)
        for row, observation, reward, ended, truncated in episodes.step(
            actions
        ):
            close(observations[row], observation)
            close(rewards[row], reward)
            assert bool(terminated[row]) == ended
            assert (time == env.max_episode_steps) == truncated
        if time % HORIZON.get(name, env.max_episode_steps) == 0:
            state = reference.make_state(env, episodes.states)
    assert not episodes.playing.any()
    if name != "Pendulum-v1":
        assert len(set(episodes.lengths)) > 2, "ends must be staggered"
