"""Bootstrap intervals."""

import numpy as np

from keras_cem.pictures.plots.bootstrap import interval


def test_two_runs_give_their_own_values():
    # A quarter of resamples is the one twice, a quarter the other.
    low, high = interval(np.array([[0.0, 5.0], [1.0, 3.0]]))
    assert (low.tolist(), high.tolist()) == ([0, 3], [1, 5])


def test_many_runs_approach_the_normal_interval():
    values = np.random.default_rng(1).normal(size=(400, 1))
    low, high = interval(values)
    error = 1.96 * values.std() / np.sqrt(len(values))
    np.testing.assert_allclose(low, values.mean() - error, atol=0.02)
    np.testing.assert_allclose(high, values.mean() + error, atol=0.02)


def test_same_seed_same_interval():
    values = np.random.default_rng(2).normal(size=(5, 3))
    np.testing.assert_array_equal(interval(values), interval(values))
    assert not np.array_equal(interval(values), interval(values, seed=1))
