"""Statistics over seeds."""

import itertools
import sys

import numpy as np
import pytest

from keras_cem.utils import seed_statistics


def test_interquartile_mean_leaves_out_a_quarter_at_each_end():
    values = np.array([[-1000.0, 1, 2, 3, 4, 5, 6, 1000], [*range(8)]]).T
    found = seed_statistics.interquartile_mean(values)
    np.testing.assert_array_equal(found, [3.5, 3.5])


def test_interval_has_the_quantiles_of_all_resamples():
    values = np.array([0.0, 1.0, 2.0, 4.0, 8.0])
    every = np.array([*itertools.product(values, repeat=5)])
    means = np.sort(every, axis=1)[:, 1:4].mean(axis=1)
    expected = np.quantile(means, [0.025, 0.975])
    low, high = seed_statistics.interval(np.stack([values, values + 1], axis=1))
    # A third is the distance between neighboring means.
    np.testing.assert_allclose(low, expected[0] + [0, 1], atol=0.34)
    np.testing.assert_allclose(high, expected[1] + [0, 1], atol=0.34)
    np.testing.assert_allclose(high - low, (high - low)[0])


def test_intervals_are_the_same_every_time():
    values = np.random.default_rng(2).normal(size=(5, 3))
    first, second = map(seed_statistics.interval, (values, values))
    np.testing.assert_array_equal(first, second)


def test_missing_scipy_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "scipy", None)
    with pytest.raises(ImportError, match=r"scipy.*keras-cem\[seeds\]"):
        seed_statistics.interval(np.zeros((5, 2)))
