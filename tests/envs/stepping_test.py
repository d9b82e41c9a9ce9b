"""Rows that play one episode after the other, and ends of their own."""

from typing import NamedTuple

import numpy as np
import tensorflow as tf

from keras_cem import prng, spaces
from keras_cem.engines.graph.source import GraphSource
from keras_cem.envs import stepping
from keras_cem.envs.base import Environment


class CountState(NamedTuple):
    count: tf.Tensor


class Count(Environment):
    """Counts actions; terminates at 3 and cuts itself short at 5."""

    id = "Count-v0"
    max_episode_steps = 4

    observation_space = spaces.Box(0.0, 9.0, (1,))
    action_space = spaces.Discrete(3)

    def initial(self, seeds):
        return CountState(tf.zeros_like(seeds[0], tf.float32))

    def transition(self, state, actions, seeds):
        del seeds
        count = state.count + tf.cast(actions, tf.float32)
        return CountState(count), tf.ones_like(count), count == 3.0

    def truncated(self, state):
        return state.count >= 4.0

    def observe(self, state):
        return state.count[:, None]


def test_each_end_is_told_apart_and_followed_by_a_start():
    key = prng.make_key(0, 1)
    playing_, observations = stepping.begin(Count(), 3, key)
    np.testing.assert_array_equal(observations, [[0.0]] * 3)
    ends, counts = [], []
    for actions in ([1, 2, 0], [2, 2, 0], [1, 2, 0], [1, 1, 0], [1, 1, 1]):
        after = stepping.advance(Count(), playing_, tf.constant(actions))
        playing_ = after.playing
        counts.append(after.observations[:, 0].numpy().tolist())
        ends.append(
            [
                "start" if s else "terminated" if t else "cut" if c else ""
                for s, t, c in zip(
                    after.started.numpy(),
                    after.terminated.numpy(),
                    after.truncated.numpy(),
                    strict=True,
                )
            ]
        )
    assert counts == [[1, 2, 0], [3, 4, 0], [0, 0, 0], [1, 1, 0], [2, 2, 0]]
    assert ends == [
        ["", "", ""],
        ["terminated", "cut", ""],
        ["start", "start", ""],
        ["", "", "cut"],
        ["", "", "start"],
    ]


class Twos:
    """A head that always acts by 2."""

    def initial_exploration(self, size):
        return ()

    def greedy(self, outputs):
        return tf.fill([tf.shape(outputs)[0]], 2)


def test_rollouts_end_where_the_environment_cuts_itself_short():
    played = GraphSource(Count(), 2, 4).play(
        lambda observations, training: observations,
        Twos(),
        numbers=(0, 1, 0),
        epsilon=None,
        store_rewards=True,
    )
    np.testing.assert_array_equal(played.lengths, [2, 2])
    np.testing.assert_array_equal(played.returns, [2.0, 2.0])
    np.testing.assert_array_equal(played.terminated, [False, False])
