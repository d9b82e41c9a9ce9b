import gymnasium
import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_cem import heads, prng, spaces
from keras_cem.engines.host.actor import Actor

OBSERVATIONS = spaces.Box(-1.0, 1.0, (2,), "float32")
LOGITS = np.array([[1.0, -1.0, 0.5], [0.0, 2.0, -1.0]], np.float32)


class Linear(keras.layers.Layer):
    """Outputs `inputs @ LOGITS`, more in training; counts its traces."""

    def __init__(self):
        super().__init__()
        self.calls = 0

    def call(self, inputs, training=None):
        self.calls += 1
        return tf.matmul(inputs, LOGITS) + (100.0 if training else 0.0)


class NotCompilable(keras.layers.Layer):
    """Runs Python, which XLA cannot."""

    def call(self, inputs):
        outputs = tf.numpy_function(lambda x: x @ LOGITS, [inputs], tf.float32)
        return tf.ensure_shape(outputs, (inputs.shape[0], 3))


class NotANumber(keras.layers.Layer):
    """Outputs the inverse of its inputs."""

    def call(self, inputs):
        return 1.0 / inputs


def actor(policy, num_envs=3, explore=False, compiled=True, head=None):
    return Actor(
        policy,
        head or heads.for_space(gymnasium.spaces.Discrete(3, start=4)),
        OBSERVATIONS,
        num_envs=num_envs,
        explore=explore,
        compiled=compiled,
    )


def counter(num_envs, first=0, step=0):
    return np.array(
        [np.arange(first, first + num_envs), np.full(num_envs, step)], np.int32
    )


@pytest.mark.parametrize("compiled", [True, False])
def test_greedy_action_is_the_largest_logit(compiled):
    act = actor(Linear(), compiled=compiled).bind(0.0, 0, prng.EXPLORATION, 0)
    # Logits (1, -1, 0.5), (0, 2, -1) and (-1, 1, -0.5).
    observations = np.array([[1, 0], [0, 1], [-1, 0]], np.float32)
    (actions,), finite = act([observations], counter(3))
    np.testing.assert_array_equal(actions, [4, 5, 5])
    assert actions.dtype == np.int64
    np.testing.assert_array_equal(finite, [True, True, True])


def test_policy_is_traced_once_and_acts_as_in_inference():
    policy = Linear()
    policy(tf.zeros((1, 2)))
    policy.calls = 0
    playing = actor(policy)
    for iteration in range(3):
        act = playing.bind(0.5, 7, prng.EXPLORATION, iteration)
        for step in range(4):
            act([np.zeros((3, 2), np.float32)], counter(3, step=step))
    assert policy.calls == 1


def test_explored_actions_belong_to_trajectory_and_step():
    observations = np.array([[1, 0], [0, 1], [-1, 0]], np.float32)
    actors = {n: actor(Linear(), num_envs=n, explore=True) for n in (1, 3)}

    def drawn(num_envs, first, step, iteration=2, seed=5):
        act = actors[num_envs].bind(1.0, seed, prng.EXPLORATION, iteration)
        rows = observations[first : first + num_envs]
        (actions,), _ = act([rows], counter(num_envs, first, step))
        return actions.tolist()

    for step in range(8):
        together = drawn(3, 0, step)
        alone = [drawn(1, k, step)[0] for k in range(3)]
        assert together == alone
    courses = [
        [drawn(3, 0, step, **other) for step in range(8)]
        for other in ({}, {"iteration": 3}, {"seed": 6})
    ]
    assert courses[0] != courses[1]
    assert courses[0] != courses[2]


@pytest.mark.parametrize("compiled", [True, False])
def test_exploration_follows_its_distribution(compiled):
    # pi = (1 - 0.6) softmax(F) + 0.6 / 3 with F = (1, -1, 0.5).
    logits = LOGITS[0].astype(np.float64)
    expected = 0.4 * np.exp(logits) / np.exp(logits).sum() + 0.2
    size = 4000
    playing = actor(Linear(), num_envs=size, explore=True, compiled=compiled)
    act = playing.bind(0.6, 0, prng.EXPLORATION, 0)
    observations = np.tile(np.array([1, 0], np.float32), (size, 1))
    (actions,), _ = act([observations], counter(size))
    share = np.bincount(actions - 4, minlength=3) / size
    # Four standard errors of a share.
    margin = 4 * np.sqrt(expected * (1 - expected) / size)
    assert (np.abs(share - expected) < margin).all()


def test_box_actions_are_clipped_in_the_dtype_of_the_space():
    space = gymnasium.spaces.Box(-0.1, 0.1, (3,), np.float64)
    playing = actor(Linear(), head=heads.for_space(space))
    act = playing.bind(0.0, 0, prng.EXPLORATION, 0)
    observations = np.array([[1, 0], [0, 1], [0, 0]], np.float32)
    (actions,), _ = act([observations], counter(3))
    np.testing.assert_array_equal(
        actions, [[0.1, -0.1, 0.1], [0.0, 0.1, -0.1], [0.0, 0.0, 0.0]]
    )
    assert actions.dtype == np.float64


def test_rows_that_are_not_finite_are_told():
    policy = NotANumber()
    head = heads.for_space(gymnasium.spaces.Discrete(2))
    act = actor(policy, head=head).bind(0.0, 0, prng.EXPLORATION, 0)
    observations = np.array([[1, 1], [0, 1], [1, 0]], np.float32)
    _, finite = act([observations], counter(3))
    np.testing.assert_array_equal(finite, [True, False, False])


def test_policy_that_xla_refuses_acts_all_the_same():
    with pytest.warns(UserWarning, match="XLA cannot compile the policy"):
        playing = actor(NotCompilable())
    act = playing.bind(0.0, 0, prng.EXPLORATION, 0)
    observations = np.array([[1, 0], [0, 1], [-1, 0]], np.float32)
    (actions,), _ = act([observations], counter(3))
    np.testing.assert_array_equal(actions, [4, 5, 5])
