"""Variables are read by one operation where TensorFlow can do it."""

import numpy as np
import pytest
import tensorflow as tf

from keras_cem.utils import tensorflow_internals
from keras_cem.utils.tensorflow_internals import reader

VALUES = [[1.0, 2.0], [[3.0]], 4.0]


@pytest.fixture
def variables():
    return [tf.Variable(value) for value in VALUES]


def assert_reads(read, values):
    for found, value in zip(read(), values, strict=True):
        assert isinstance(found, np.ndarray)
        np.testing.assert_array_equal(found, np.array(value, np.float32))


def test_reads_values_of_now(variables):
    read = reader(variables)
    assert_reads(read, VALUES)
    held = read()
    variables[1].assign([[5.0]])
    assert_reads(read, [VALUES[0], [[5.0]], VALUES[2]])
    np.testing.assert_array_equal(held[1], VALUES[1])


def test_the_operation_is_used(variables, monkeypatch):
    """TensorFlow has it under this name."""
    monkeypatch.setattr(tf.Variable, "read_value", None)
    assert_reads(reader(variables), VALUES)


@pytest.mark.parametrize(
    ("name", "other"),
    [("READ_SEVERAL", "_Unknown"), ("pywrap_tfe", None), ("context", None)],
)
def test_a_tensorflow_without_it_reads_one_by_one(
    name, other, variables, monkeypatch
):
    monkeypatch.setattr(tensorflow_internals, name, other)
    assert_reads(reader(variables), VALUES)


def test_no_variables():
    assert reader([])() == []


def test_mirrored_variables_are_read_one_by_one():
    with tf.distribute.MirroredStrategy(["CPU:0"]).scope():
        made = [tf.Variable(value) for value in VALUES]
    assert_reads(reader(made), VALUES)


def test_reading_leaves_gradients_alone(variables):
    with tf.GradientTape() as tape:
        reader(variables)()
        loss = tf.reduce_sum(variables[0] ** 2)
    np.testing.assert_array_equal(tape.gradient(loss, variables[0]), [2, 4])
