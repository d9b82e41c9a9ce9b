import itertools

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


@pytest.mark.parametrize("size", [5, 64, 150])
def test_moments_of_trajectories_merge_those_of_groups_in_order(size):
    """To the last bit, so that groups may be computed elsewhere."""
    generator = np.random.default_rng(2)
    values = generator.normal(1e3, 1.0, (size, 7, 3)).astype(np.float32)
    mask = np.arange(7) < generator.integers(1, 8, size)[:, None]
    found = tf.function(moments.of_trajectories)(values, mask)
    _check(found, np.float64(values[mask]))
    # One more group than full ones.
    groups = [
        moments.of_group(tf.constant(values[begin:end]), mask[begin:end])
        for begin, end in itertools.pairwise([*range(0, size, 64), size])
    ]
    if size == 64:
        groups.append(moments.Moments.nothing((3,)))
    stacked = moments.Moments(*map(tf.stack, zip(*groups, strict=True)))
    merged = tf.function(moments.merged)(stacked)
    for a, b in zip(found, merged, strict=True):
        np.testing.assert_array_equal(a, b)
    if size <= 64:
        # As before there were groups.
        everyone = tf.constant(values.reshape(-1, 3))
        whole = moments.of_batch(everyone, mask.reshape(-1))
        for a, b in zip(found, whole, strict=True):
            np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("size", [7, 70])
def test_xla_compiles_moments_of_trajectories_where_a_step_needs_them(size):
    @tf.function(jit_compile=True)
    def compiled(values, mask, needed):
        return tf.cond(
            needed,
            lambda: moments.of_trajectories(values, mask),
            lambda: moments.Moments.nothing(()),
        )

    values = np.random.default_rng(3).normal(size=(size, 2))
    values = tf.constant(values, tf.float32)
    found = compiled(values, tf.ones((size, 2), tf.bool), tf.constant(True))
    _check(found, np.float64(values).reshape(-1))
