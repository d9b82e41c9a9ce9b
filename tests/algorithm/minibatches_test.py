import numpy as np
import pytest
import tensorflow as tf

from keras_cem import prng
from keras_cem.algorithm import gradient_steps
from keras_cem.engines.pairs import Pairs, PairsOfSteps, shuffled

KEY = (tf.constant(1, tf.uint32), tf.constant(2, tf.uint32))


def _pairs(total, most):
    """Pairs of one trajectory."""
    return Pairs(total[tf.newaxis], tf.constant([True]), most=most)


@pytest.mark.parametrize("compiled", [True, False])
def test_pairs_of_steps_are_all_chosen_steps_once(compiled):
    mask = np.random.default_rng(0).uniform(size=(7, 5)) < 0.3

    @tf.function(jit_compile=compiled)
    def locate(mask):
        pairs = PairsOfSteps(mask)
        return pairs.total, pairs.locate(tf.range(35))

    total, (rows, steps) = locate(mask)
    assert int(total) == mask.sum() > 0
    found = list(zip(steps.numpy(), rows.numpy(), strict=True))[: int(total)]
    assert found == list(zip(*np.nonzero(mask), strict=True))


def test_pairs_of_steps_are_drawn_with_equal_probability():
    mask = np.zeros((4, 3), bool)
    mask[[0, 1, 3], [2, 0, 1]] = True
    pairs = PairsOfSteps(tf.constant(mask))
    drawn = pairs.draw(KEY, 0, 3000, by_trajectory=False).numpy()
    counts = np.bincount(drawn, minlength=3)
    assert counts.sum() == 3000
    # Three standard deviations of a binomial distribution.
    assert np.abs(counts - 1000).max() < 3 * np.sqrt(3000 * 2 / 9)


@pytest.mark.parametrize("dtype", [tf.int32, tf.int64])
def test_shuffled_is_a_permutation_that_depends_on_the_epoch(dtype):
    total, most = tf.constant(1000, dtype), 1500
    first, again, other = (
        shuffled(KEY, tf.constant(epoch), total, most).numpy()[:1000]
        for epoch in (0, 0, 1)
    )
    np.testing.assert_array_equal(np.sort(first), np.arange(1000))
    np.testing.assert_array_equal(first, again)
    assert np.mean(first == other) < 0.01
    # Neighbors are not kept together.
    assert np.abs(np.corrcoef(first[:-1], first[1:])[0, 1]) < 0.1


@pytest.mark.slow
@pytest.mark.parametrize("compiled", [True, False])
@pytest.mark.parametrize("total", [1, 10, 11, 25, 30])
def test_each_epoch_takes_every_pair_once(total, compiled):
    size, epochs, most = 10, 3, 30
    seen = tf.Variable(tf.zeros((epochs, most), tf.int32))
    sizes = tf.Variable(tf.zeros(12, tf.int32))

    def step(numbers, counts, number):
        done = tf.reduce_sum(tf.cast(sizes > 0, tf.int32))
        batches = -(-total // size)
        epoch = done // batches
        taken = tf.cast(counts, tf.int32)
        where = tf.stack([tf.fill([size], epoch), numbers], axis=1)
        seen.assign(tf.tensor_scatter_nd_add(seen, where, taken))
        sizes.assign(
            tf.tensor_scatter_nd_update(
                sizes, [[done]], [tf.cast(number, tf.int32)]
            )
        )
        tf.debugging.assert_equal(tf.reduce_sum(taken), 0 + sizes[done])
        return tf.cast(number, tf.float32), tf.constant(0)

    @tf.function(jit_compile=compiled)
    def run(total):
        return gradient_steps.descend_epochs(
            step, _pairs(total, most), size, epochs, KEY
        )

    loss, bad = run(tf.constant(total))
    assert int(bad) == 0
    batches = -(-total // size)
    expected = np.zeros((epochs, most))
    expected[:, :total] = 1
    np.testing.assert_array_equal(seen, expected)
    taken = sizes.numpy()[: epochs * batches]
    assert taken.sum() == epochs * total
    assert taken.max() - taken.min() <= 1
    assert not sizes.numpy()[epochs * batches :].any()
    assert float(loss) == pytest.approx(total / batches)


def test_epochs_end_at_the_first_value_that_is_not_finite():
    count = tf.Variable(0)

    def step(numbers, counts, number):
        count.assign_add(1)
        return tf.constant(1.0), tf.where(count >= 3, 2, 0)

    _, bad = gradient_steps.descend_epochs(
        step, _pairs(tf.constant(100), 100), 10, 5, KEY
    )
    assert (int(count), int(bad)) == (3, 2)


def test_without_pairs_an_epoch_is_one_empty_minibatch():
    def step(numbers, counts, number):
        assert not np.any(counts)
        return tf.math.divide_no_nan(0.0, number), tf.constant(0)

    loss, bad = gradient_steps.descend_epochs(
        step, _pairs(tf.constant(0), 4), 2, 1, prng.make_key(0, 7)
    )
    assert (float(loss), int(bad)) == (0.0, 0)
