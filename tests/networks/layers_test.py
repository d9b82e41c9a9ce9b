import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_cem.networks import layers

NVEC, START = [[2, 3], [1, 4]], [[0, -1], [5, 0]]


def test_one_hot_vectors_of_several_integers_are_joined_in_c_order():
    layer = layers.MultiOneHot(NVEC, START)
    values = tf.constant([[[1, -1], [5, 3]], [[0, 1], [5, 0]]], tf.int64)
    np.testing.assert_array_equal(
        layer(values),
        [
            [0, 1, 1, 0, 0, 1, 0, 0, 0, 1],
            [1, 0, 0, 0, 1, 1, 1, 0, 0, 0],
        ],
    )


def test_integer_out_of_range_is_zeros():
    layer = layers.MultiOneHot([2, 3])
    np.testing.assert_array_equal(
        layer(tf.constant([[2, 3], [-1, 0]])),
        [[0, 0, 0, 0, 0], [0, 0, 1, 0, 0]],
    )


def test_index_tells_all_values_of_all_elements_apart():
    layer = layers.CategoryIndex(NVEC, START)
    values = tf.constant([[[0, -1], [5, 0]], [[1, 1], [5, 3]]], tf.int64)
    np.testing.assert_array_equal(
        layer(values), [[[0, 2], [5, 6]], [[1, 4], [5, 9]]]
    )
    single = layers.CategoryIndex(3, -1)
    np.testing.assert_array_equal(single(tf.constant([-1, 0, 1])), [0, 1, 2])


@pytest.mark.parametrize("dtype", ["int8", "uint8", "bool", "float64"])
def test_numbers_of_any_dtype_become_a_vector_of_floats(dtype):
    values = tf.cast(tf.constant([[[0, 1], [1, 1]]]), dtype)
    vector = layers.FloatVector()(values)
    assert vector.dtype == tf.float32
    np.testing.assert_array_equal(vector, [[0, 1, 1, 1]])


def test_scalar_becomes_a_vector_of_one():
    assert layers.FloatVector()(tf.constant([1.0, 2.0])).shape == (2, 1)


@pytest.mark.parametrize(
    ("layer", "dtype"),
    [
        (layers.OneHot(3, -1), "int64"),
        (layers.MultiOneHot(NVEC, START), "int8"),
        (layers.CategoryIndex(NVEC, START), "int64"),
        (layers.FloatVector(), "uint8"),
    ],
    ids=lambda value: getattr(value, "name", value),
)
def test_layer_is_saved_and_compiles(layer, dtype, tmp_path):
    inputs = keras.Input((2, 2), dtype=dtype)
    model = keras.Model(inputs, layer(inputs))
    model.save(tmp_path / "layer.keras")
    again = keras.saving.load_model(tmp_path / "layer.keras")
    values = tf.cast(tf.constant([[[0, 1], [5, 2]]]), dtype)
    compiled = tf.function(again, jit_compile=True)
    np.testing.assert_array_equal(compiled(values), model(values))
