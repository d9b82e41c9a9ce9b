"""The discount that trajectories are ranked with."""

import numpy as np
import tensorflow as tf

from keras_cem.engines import discounts


def test_nothing_is_discounted_by_one():
    assert discounts.constant(1.0) is None


def test_it_is_not_rounded_to_float32():
    found = discounts.constant(0.7)
    assert found.dtype == tf.float64
    assert float(found) == 0.7


def test_weights_are_its_powers():
    found = discounts.weights(discounts.constant(0.7), tf.range(50))
    expected = (0.7 ** np.arange(50)).astype(np.float32)
    np.testing.assert_allclose(found, expected, rtol=1e-6)
