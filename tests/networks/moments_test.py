import numpy as np
import pytest
import tensorflow as tf

from keras_cem.networks import moments


def _check(found, numbers):
    assert float(found.count) == len(numbers)
    np.testing.assert_allclose(found.mean, numbers.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(
        found.squares, len(numbers) * numbers.var(axis=0), rtol=1e-7
    )


@pytest.mark.parametrize("jit_compile", [None, True])
def test_moments_of_rows_equal_numpy(jit_compile):
    of_batch = moments.of_batch
    if jit_compile is not None:
        of_batch = tf.function(of_batch, jit_compile=jit_compile)
    generator = np.random.default_rng(0)
    batch = generator.normal(1e4, 1.0, (50, 2, 3)).astype(np.float32)
    counts = generator.uniform(size=50) < 0.5
    spoiled = batch.copy()
    spoiled[~counts] = np.nan
    _check(of_batch(tf.constant(spoiled), counts), np.float64(batch[counts]))


def test_merged_moments_are_those_of_all_numbers_together():
    generator = np.random.default_rng(1)
    parts = [generator.normal(1e6, 1e-2, (n, 3)) for n in (1, 7, 30)]
    found = moments.Moments.nothing((3,))
    for part in parts:
        everyone = np.ones(len(part), bool)
        found = found.merge(moments.of_batch(tf.constant(part), everyone))
        nobody = moments.of_batch(tf.constant(part), ~everyone)
        found = found.merge(nobody)
    _check(found, np.concatenate(parts))


def test_moments_of_nothing_are_zero():
    nothing = moments.Moments.nothing((2,))
    bad = tf.constant([[np.nan, 1.0], [1.0, np.inf]])
    skipped = moments.of_batch(bad, np.ones(2, bool))
    for value in (*nothing.merge(nothing), *nothing.merge(skipped)):
        assert not np.any(value)
