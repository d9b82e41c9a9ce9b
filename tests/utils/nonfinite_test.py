import numpy as np
import tensorflow as tf

from keras_cem.utils.nonfinite import finite_rows


def test_row_is_finite_where_all_its_leaves_are():
    batch = {
        "vector": tf.constant([0.0, np.nan, 0.0, 0.0]),
        "matrix": tf.constant([[0.0, 0.0]] * 2 + [[0.0, -np.inf]] + [[1.0, 2]]),
        "integers": (tf.constant([1, 2, 3, 4]),),
    }
    assert finite_rows(batch).numpy().tolist() == [True, False, False, True]


def test_number_of_rows_may_be_unknown():
    function = tf.function(finite_rows)
    traced = function.get_concrete_function(
        [tf.TensorSpec((None, 2), tf.float32)]
    )
    assert traced([tf.constant([[np.nan, 0.0]])]).numpy().tolist() == [False]
    assert traced([tf.zeros((3, 2))]).numpy().tolist() == [True] * 3
