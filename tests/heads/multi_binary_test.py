import numpy as np
import pytest
import tensorflow as tf

from keras_cem import heads, prng, spaces

ROWS = 40_000
LOGITS = np.array([[1.5, 0.0], [-1.0, 0.25]], np.float32)


def _head(n=(2, 2), **kwargs):
    return heads.MultiBinaryHead(spaces.MultiBinary(n), **kwargs)


def _explore(head, epsilon, state=None, step=0):
    """Actions of ROWS trajectories, and the state to pass on."""
    rows = tf.cast(tf.range(ROWS), tf.uint32)
    return head.explore(
        tf.tile(tf.constant(LOGITS)[None], (ROWS, 1, 1)),
        tf.constant(epsilon, tf.float32),
        prng.make_key(3, prng.EXPLORATION, 0),
        (rows, tf.fill([ROWS], tf.constant(step, tf.uint32))),
        head.initial_exploration(ROWS) if state is None else state,
    )


def _logistic(logits):
    return 1 / (1 + np.exp(-logits))


# Exploration


@pytest.mark.parametrize("epsilon", [0.0, 0.3, 1.0])
def test_explored_policy_is_the_product_of_the_mixtures(epsilon):
    actions, _ = _explore(_head(), epsilon)
    assert actions.shape == (ROWS, 2, 2)
    assert actions.dtype == tf.int8
    one = ((1 - epsilon) * _logistic(LOGITS) + epsilon / 2).ravel()
    bits = np.arange(16)[:, None] >> np.arange(4) & 1
    joint = np.prod(np.where(bits, one, 1 - one), axis=1)
    index = actions.numpy().reshape(ROWS, 4) @ (1 << np.arange(4))
    counts = np.bincount(index, minlength=16)
    # chi^2 with 15 degrees of freedom exceeds 42 less than once in 4,000.
    assert np.sum((counts - ROWS * joint) ** 2 / (ROWS * joint)) < 42


def test_held_bits_are_those_of_the_step_before():
    head = _head(persistence=2)
    first, state = _explore(head, 0.4)
    second, _ = _explore(head, 0.4, state, step=1)
    holds = state[1].numpy().reshape(first.shape) > 0
    np.testing.assert_allclose(holds.mean(axis=0), 0.2, atol=0.01)
    np.testing.assert_array_equal(second.numpy()[holds], first.numpy()[holds])


def test_greedy_takes_the_likelier_value_and_0_where_both_are():
    greedy = _head().greedy(tf.constant(LOGITS[None]))
    assert greedy.dtype == tf.int8
    np.testing.assert_array_equal(greedy, [[[1, 0], [0, 1]]])


# Loss


@pytest.mark.parametrize("beta", [0.0, 0.25])
def test_loss_is_the_sum_of_binary_cross_entropies(beta):
    generator = np.random.default_rng(0)
    logits = generator.normal(0, 3, (50, 2, 2)).astype(np.float32)
    actions = generator.integers(0, 2, (50, 2, 2)).astype(np.int8)
    head = _head(entropy_coefficient=beta)
    losses = head.loss(tf.constant(logits), tf.constant(actions))
    one = _logistic(logits.astype(float))
    cross = -actions * np.log(one) - (1 - actions) * np.log(1 - one)
    entropy = -one * np.log(one) - (1 - one) * np.log(1 - one)
    expected = (cross - beta * entropy).sum(axis=(1, 2))
    assert losses.dtype == tf.float32
    np.testing.assert_allclose(losses, expected, rtol=1e-4, atol=1e-5)


def test_loss_of_certain_logits_is_finite():
    losses = _head(2).loss(
        tf.constant([[1e4, -1e4]] * 2), tf.constant([[1, 0], [0, 0]], tf.int8)
    )
    np.testing.assert_allclose(losses, [0.0, 1e4])


# Arguments


def test_output_shape_is_one_logit_a_bit():
    assert _head().output_shape == (2, 2)
    assert _head(3).output_shape == (3,)


def test_config_makes_the_same_head():
    head = _head(persistence=3, entropy_coefficient=0.5)
    again = heads.deserialize(heads.serialize(head))
    assert isinstance(again, heads.MultiBinaryHead)
    assert again.get_config() == head.get_config()
    assert again.space == head.space


def test_other_spaces_are_refused():
    with pytest.raises(ValueError, match="must be MultiBinary"):
        heads.MultiBinaryHead(spaces.Discrete(3))
