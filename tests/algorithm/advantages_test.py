import numpy as np
import pytest
import tensorflow as tf

from keras_cem.algorithm import advantages

STEPS, SIZE = 13, 40


def _episodes(seed=0):
    """Random values of episodes of 1 to T steps, with garbage after the end."""
    generator = np.random.default_rng(seed)
    rewards, values = generator.normal(size=(2, STEPS, SIZE))
    lengths = generator.integers(1, STEPS + 1, SIZE)
    lengths[:2] = 1, STEPS
    after = np.arange(STEPS)[:, None] >= lengths
    rewards[after], values[after] = np.nan, 1e30
    # Half of them terminated: nothing follows.
    final = generator.normal(size=SIZE) * (generator.uniform(size=SIZE) < 0.5)
    return rewards, values, final, lengths


def _by_hand(rewards, values, final, lengths, discount, gae_lambda):
    """The definition, one episode and one step after another."""
    found = np.zeros((STEPS, SIZE))
    for k, length in enumerate(lengths):
        following, advantage = final[k], 0.0
        for t in reversed(range(length)):
            delta = rewards[t, k] + discount * following - values[t, k]
            advantage = delta + discount * gae_lambda * advantage
            found[t, k], following = advantage, values[t, k]
    return found


def _estimate(rewards, values, final, lengths, discount, gae_lambda):
    return advantages.estimate(
        *(tf.constant(each, tf.float32) for each in (rewards, values, final)),
        tf.constant(lengths, tf.int32),
        discount,
        gae_lambda,
    )


@pytest.mark.parametrize("gae_lambda", [0.0, 0.5, 0.95, 1.0])
@pytest.mark.parametrize("discount", [0.9, 0.99, 1.0])
def test_advantages_equal_a_loop_over_steps(discount, gae_lambda):
    episodes = _episodes()
    expected = _by_hand(*episodes, discount, gae_lambda)
    found = _estimate(*episodes, discount, gae_lambda)
    np.testing.assert_allclose(found.advantages, expected, rtol=1e-5, atol=1e-5)
    mask = np.arange(STEPS)[:, None] < episodes[3]
    np.testing.assert_array_equal(found.mask, mask)
    np.testing.assert_allclose(
        found.returns,
        expected + np.where(mask, episodes[1], 0),
        rtol=1e-5,
        atol=1e-5,
    )


@pytest.mark.slow
def test_with_unknown_t_and_under_xla_they_are_the_same():
    episodes = _episodes(1)
    expected = _estimate(*episodes, 0.99, 0.95)
    rewards, values, *rest = (
        tf.constant(each, tf.float32) for each in episodes[:3]
    )
    lengths = tf.constant(episodes[3], tf.int32)

    def function(rewards, values):
        return advantages.estimate(
            rewards, values, *rest, lengths, 0.99, 0.95
        ).advantages

    unknown = tf.function(
        function, input_signature=[tf.TensorSpec((None, SIZE))] * 2
    )
    np.testing.assert_array_equal(unknown(rewards, values), expected.advantages)
    compiled = tf.function(function, jit_compile=True)
    np.testing.assert_allclose(
        compiled(rewards, values), expected.advantages, rtol=1e-5, atol=1e-5
    )


def test_one_step_episodes_without_a_critic_are_ranked_by_their_rewards():
    rewards = np.random.default_rng(0).normal(size=(1, SIZE))
    zeros = np.zeros(SIZE)
    found = _estimate(rewards, zeros[None], zeros, np.ones(SIZE), 1.0, 1.0)
    np.testing.assert_array_equal(found.advantages, rewards.astype(np.float32))


def test_a_trajectory_of_length_0_is_left_out():
    rewards = np.full((STEPS, 2), np.nan)
    rewards[:, 1] = 1.0
    found = _estimate(
        rewards, rewards * 0, np.array([np.nan, 0.0]), [0, 3], 1.0, 1.0
    )
    np.testing.assert_array_equal(found.advantages[:, 0], np.zeros(STEPS))
    np.testing.assert_array_equal(found.advantages[:3, 1], [3, 2, 1])
    assert int(tf.reduce_sum(tf.cast(found.mask, tf.int32))) == 3


def test_explained_variance_compares_values_with_what_came():
    rewards, values, final, lengths = _episodes(2)
    found = _estimate(rewards, values, final, lengths, 0.9, 0.8)
    mask = found.mask.numpy()
    returns = found.returns.numpy()[mask]
    expected = 1 - np.var(found.advantages.numpy()[mask]) / np.var(returns)
    np.testing.assert_allclose(found.explained_variance(), expected, rtol=1e-4)


def test_explained_variance_is_1_for_a_perfect_critic_and_0_for_a_mean():
    # Rewards of 1 in episodes of 3 and 5 steps.
    lengths, zeros = np.array([3, 5]), np.zeros(2)
    left = np.maximum(lengths - np.arange(5)[:, None], 0).astype(float)
    ones = np.ones((5, 2))
    perfect = _estimate(ones, left, zeros, lengths, 1.0, 0.95)
    assert float(perfect.explained_variance()) == pytest.approx(1.0)
    # All lambda-returns equal: there is nothing to explain.
    equal = _estimate(ones[:1], 0 * ones[:1], zeros, np.ones(2), 1.0, 1.0)
    assert float(equal.explained_variance()) == 0.0
    # V = c everywhere and lambda = 1: only the mean is known.
    known = _estimate(ones, 2.5 * ones, zeros, lengths, 1.0, 1.0)
    assert float(known.explained_variance()) == pytest.approx(0.0, abs=1e-6)
