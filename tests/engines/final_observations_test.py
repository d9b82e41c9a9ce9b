"""The observation after the last step, from which a truncated one goes on."""

import gymnasium
import numpy as np
import pytest
import tensorflow as tf
from gymnasium.vector import AutoresetMode

import keras_cem as cem
from keras_cem import envs


class Counting(gymnasium.Env):
    """Observes [number of steps, seed]; ends after 2 + seed % 3 steps.

    Even seeds terminate, odd seeds are truncated. A reset shows -1 steps.
    """

    observation_space = gymnasium.spaces.Box(-np.inf, np.inf, (2,), np.float32)
    action_space = gymnasium.spaces.Discrete(2)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self._seed = 7 if seed is None else seed % 1000
        self._steps = 0
        return np.array([-1, self._seed], np.float32), {}

    def step(self, action):
        self._steps += 1
        over = self._steps >= 2 + self._seed % 3
        odd = bool(self._seed % 2)
        observation = np.array([self._steps, self._seed], np.float32)
        return observation, 1.0, over and not odd, over and odd, {}


class Nested(gymnasium.ObservationWrapper):
    """The same in a Dict."""

    def __init__(self, env):
        super().__init__(env)
        self.observation_space = gymnasium.spaces.Dict(
            steps=gymnasium.spaces.Box(-np.inf, np.inf, (1,), np.float32),
            start=gymnasium.spaces.Box(-np.inf, np.inf, (1,), np.float32),
        )

    def observation(self, observation):
        return {"steps": observation[:1], "start": observation[1:]}


def _check(played, limit=1000):
    """The last observation counts all steps, and has its trajectory's seed."""
    first, final = played.observations, played.final_observations
    if isinstance(final, dict):
        first, final = (
            np.concatenate([each["steps"], each["start"]], -1)
            for each in (first, final)
        )
    assert final.dtype == np.float32
    np.testing.assert_array_equal(final[:, 1], first[:, 0, 1])
    np.testing.assert_array_equal(final[:, 0], played.lengths)
    lengths = np.minimum(2 + first[:, 0, 1] % 3, limit)
    np.testing.assert_array_equal(played.lengths, lengths)


@pytest.mark.parametrize("wrap", [lambda env: env, Nested])
@pytest.mark.parametrize("limit", [1000, 3])
def test_host_keeps_the_observation_after_the_last_step(wrap, limit):
    def env():
        return wrap(Counting())

    agent = cem.CEMAgent.from_env(env, hidden_units=(4,), seed=0)
    # More episodes than sub-environments: slots are used again.
    played = agent.collect(
        env, 12, num_envs=5, max_episode_steps=limit, engine="host"
    )
    _check(played, limit)
    assert len(set(played.lengths.tolist())) > 1


@pytest.mark.parametrize("mode", list(AutoresetMode))
@pytest.mark.parametrize("wrap", [lambda env: env, Nested])
def test_vector_env_keeps_it_in_every_autoreset_mode(mode, wrap):
    vector = gymnasium.vector.SyncVectorEnv(
        [lambda: wrap(Counting())] * 4, autoreset_mode=mode
    )
    agent = cem.CEMAgent.from_env(vector, hidden_units=(4,), seed=0)
    played = agent.collect(vector, 10, max_episode_steps=1000)
    _check(played)
    assert len(set(played.lengths.tolist())) > 1


@pytest.mark.slow
def test_graph_keeps_it_as_the_host_does():
    env = envs.make("CartPole-v1")
    agent = cem.CEMAgent.from_env(env, hidden_units=(4,), seed=0)
    played = agent.collect(env, 8, epsilon=1.0, max_episode_steps=15)
    cut = ~played.terminated
    assert cut.any()
    assert played.terminated.any()
    # A longer limit plays the same steps and goes on.
    longer = agent.collect(env, 8, epsilon=1.0, max_episode_steps=30)
    np.testing.assert_array_equal(
        played.final_observations[cut], longer.observations[cut, 15]
    )
    # The pole has fallen, or the cart left the track.
    final = played.final_observations[played.terminated]
    fallen = (np.abs(final[:, 2]) > 0.2095) | (np.abs(final[:, 0]) > 2.4)
    assert fallen.all()


def test_trajectories_of_a_compiled_step_can_be_taken_with_it():
    played = cem.Trajectories(
        observations=tf.zeros((3, 2, 1)),
        actions=tf.zeros((3, 2), tf.int32),
        rewards=tf.zeros((3, 2)),
        mask=tf.ones((3, 2), tf.bool),
        terminated=tf.constant([True, False, True]),
        final_observations=tf.constant([[1.0], [2.0], [3.0]]),
    )
    taken = played.take(tf.constant([2, 0]))
    np.testing.assert_array_equal(taken.final_observations, [[3.0], [1.0]])
    without = played._replace(final_observations=())
    assert without.take(tf.constant([1])).final_observations == ()
