"""How many trajectories are played at once, and which comes next."""

from typing import NamedTuple

import numpy as np
import pytest
import tensorflow as tf

from keras_cem import envs, heads, prng, spaces
from keras_cem.engines.graph import slots
from keras_cem.engines.graph.source import GraphSource

PRIME = 65537
STEPS = 9


class Stateful(type(envs.make("CartPole-v1"))):
    stateful = True


class LeftState(NamedTuple):
    left: tf.Tensor


class OfLengths(envs.Environment):
    """Trajectories of given lengths; the reward is what is left of them."""

    id = "OfLengths-v0"
    max_episode_steps = STEPS
    observation_space = spaces.Box(-np.inf, np.inf, (1,))
    action_space = spaces.Discrete(2)

    def __init__(self, lengths):
        super().__init__()
        self._lengths = lengths

    def initial(self, seeds):
        number = tf.range(tf.size(seeds[0]))
        return LeftState(
            tf.gather(tf.constant(self._lengths), number % len(self._lengths))
        )

    def transition(self, state, actions, seeds):
        left = state.left - 1
        return LeftState(left), tf.cast(left, tf.float32), left <= 0

    def observe(self, state):
        return tf.cast(state.left, tf.float32)[:, None]


def play(lengths, num_envs):
    env = OfLengths(lengths)
    source = GraphSource(env, len(lengths), STEPS, num_envs=num_envs)

    @tf.function
    def run():
        played = source.play(
            lambda observations, training: tf.tile(observations, [1, 2]),
            heads.for_space(env.action_space),
            numbers=(7, prng.TRAINING_RESETS, 4),
            epsilon=tf.constant(1.0),
            store_rewards=True,
            discount=tf.constant(0.5, tf.float64),
        )
        rows = tf.constant([len(lengths) - 1, 0])
        return {
            "totals": (played.returns, played.discounted, played.lengths),
            "terminated": played.terminated,
            "final": played.final_observations,
            "rewards": played.step_rewards,
            "whole": played.to_trajectories(),
            "taken": played.take(rows),
            "moments": played.moments(env.observation_space),
            "pairs": played.gather(rows, tf.constant([0, 0])),
        }, played.places

    return run()


@pytest.mark.parametrize(
    ("batch_size", "number"),
    [
        (1, 1),
        (64, 64),
        (100, 100),
        (256, 128),
        (1000, 250),
        (4096, 512),
        (65536, 2048),
        (262144, 4096),
        (PRIME, 2049),
    ],
)
def test_slots_grow_with_the_square_root_of_trajectories(
    monkeypatch, batch_size, number
):
    monkeypatch.setattr(tf.config, "list_logical_devices", lambda kind: [])
    env = envs.make("CartPole-v1")
    assert slots.default_number(batch_size, env) == number


@pytest.mark.parametrize(
    ("batch_size", "number"), [(65536, 65536), (1048576, 131072)]
)
def test_a_gpu_is_filled(monkeypatch, batch_size, number):
    monkeypatch.setattr(tf.config, "list_logical_devices", lambda kind: [kind])
    env = envs.make("CartPole-v1")
    assert slots.default_number(batch_size, env) == number


def test_rows_of_a_stateful_environment_stay_together():
    assert slots.default_number(65536, Stateful()) == 65536


def masked(result):
    """Leaves out what has no meaning: after the end of a trajectory."""
    for name in ("whole", "taken"):
        batch = result[name]
        mask = batch.mask.numpy()
        result[name] = [
            batch.mask,
            batch.observations.numpy()[mask],
            batch.actions.numpy()[mask],
            *([] if batch.rewards is None else [batch.rewards.numpy()[mask]]),
        ]
    mask = np.arange(STEPS)[:, None] < result["totals"][2].numpy()
    result["rewards"] = result["rewards"].numpy()[mask]
    return result


@pytest.mark.slow
def test_number_of_slots_changes_no_trajectory():
    lengths = [3, 1, 9, 2, 2, 5, 9, 1, 1, 4, 7]
    expected, places = play(lengths, len(lengths))
    assert places is None
    assert expected["totals"][2].numpy().tolist() == lengths
    expected = masked(expected)
    for num_envs in (1, 3, 4):
        result, places = play(lengths, num_envs)
        tf.nest.map_structure(
            np.testing.assert_array_equal, masked(result), expected
        )
        slots_used = places.numpy()[:, 1]
        assert set(slots_used.tolist()) == set(range(num_envs))


def test_idle_slots_start_the_next_trajectories_in_order():
    # Slot 1 is idle after a step, and so on.
    _, places = play([3, 1, 4, 9], 2)
    assert places.numpy().tolist() == [[0, 0], [0, 1], [1, 1], [3, 0]]


@pytest.mark.parametrize("num_envs", [2, 8])
def test_no_slot_takes_more_steps_than_are_stored(num_envs):
    # One slot of eight may be idle, so some wait until the others have ended.
    lengths = [1, *[STEPS] * (3 * num_envs - 1)]
    _, places = play(lengths, num_envs)
    most = slots.max_time(len(lengths), num_envs, STEPS)
    assert most == 3 * STEPS
    assert np.all(places.numpy()[:, 0] + lengths <= most)
