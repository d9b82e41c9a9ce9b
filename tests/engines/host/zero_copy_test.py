import numpy as np
import pytest
import tensorflow as tf

from keras_cem.engines.host import zero_copy


@pytest.mark.parametrize("dtype", ["float32", "float64", "int64", "uint8"])
@pytest.mark.parametrize("shape", [(1,), (3, 5), (2, 3, 7)])
def test_zeros_can_be_lent_and_share_their_memory(shape, dtype):
    array = zero_copy.zeros(shape, dtype)
    assert array.shape == shape
    assert array.dtype == dtype
    assert not array.any()
    tensor = zero_copy.lend(array)
    array[...] = 3
    assert np.all(tensor.numpy() == 3)
    # Kernels abort where memory is not aligned.
    assert tf.reduce_sum(tf.cast(tensor, tf.float32)).numpy() == 3 * array.size


@pytest.mark.parametrize(
    "array",
    [
        zero_copy.zeros((9,), "float32")[1:],
        zero_copy.zeros((4,), "bool"),
        zero_copy.zeros((0, 3), "float32"),
    ],
)
def test_what_cannot_be_lent_is_copied(array):
    np.testing.assert_array_equal(zero_copy.lend(array), array)
