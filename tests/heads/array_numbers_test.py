"""Random numbers by NumPy are those of `prng`."""

import numpy as np
import pytest
import tensorflow as tf

from keras_cem import prng
from keras_cem.heads import array_numbers

COUNTER = (
    np.array([0, 1, 2**31, 2**32 - 1], np.uint32),
    np.array([0, 500, 7, 2**32 - 1], np.uint32),
)
KEYS = [(0, 1, 0), (2**32 - 1, 5, 2**40 + 3)]


@pytest.mark.parametrize("words", KEYS)
@pytest.mark.parametrize("size", [1, 2, 5])
def test_uniform_numbers_have_the_same_bits(words, size):
    expected = prng.uniform(prng.make_key(*words), _tensors(), size)
    drawn = array_numbers.uniform(array_numbers.make_key(*words), COUNTER, size)
    assert drawn.dtype == np.float32
    np.testing.assert_array_equal(drawn, expected)


@pytest.mark.parametrize("size", [1, 3])
def test_normal_numbers_differ_by_rounding_only(size):
    expected = prng.normal(prng.make_key(*KEYS[1]), _tensors(), size)
    key = array_numbers.make_key(*KEYS[1])
    drawn = array_numbers.normal(key, COUNTER, size)
    assert drawn.dtype == np.float32
    np.testing.assert_allclose(drawn, expected, rtol=1e-5, atol=1e-6)


def test_folded_keys_have_the_same_bits():
    key = array_numbers.fold_in(array_numbers.make_key(*KEYS[0]), 0x401D)
    expected = prng.fold_in(prng.make_key(*KEYS[0]), 0x401D)
    assert [int(word[0]) for word in key] == [int(word) for word in expected]


def _tensors():
    return tuple(tf.constant(word) for word in COUNTER)
