import numpy as np
import tensorflow as tf

from keras_cem.utils import nonfinite
from keras_cem.utils.nonfinite import Fault, finite_rows


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


def test_rows_of_arrays_equal_those_of_tensors():
    array = np.array([[0.0, 1.0], [np.nan, 0.0], [0.0, -np.inf]], np.float32)
    finite = nonfinite.finite_array_rows(array)
    assert finite.tolist() == [True, False, False]
    assert finite_rows(tf.constant(array)).numpy().tolist() == finite.tolist()
    assert nonfinite.finite_array_rows(np.array([3, 4])).all()
    assert nonfinite.finite_array_rows(np.zeros((0, 2))).shape == (0,)


def test_first_fault_of_a_row_is_told():
    bad = [[0.0], [0.0], [np.nan], [np.inf]]
    faults = nonfinite.first_faults(
        {"a": tf.constant([0.0, 0.0, 0.0, np.nan])},
        tf.constant(bad),
        tf.constant([0.0, np.nan, np.nan, np.nan]),
    )
    assert faults.numpy().tolist() == [
        0,
        Fault.REWARD,
        Fault.OUTPUT,
        Fault.OBSERVATION,
    ]


def test_integers_have_no_fault():
    integers = tf.constant([1, 2])
    assert int(nonfinite.first_faults(integers, integers, integers)) == 0


def test_values_with_a_fault_are_marked_and_left_out():
    faults = tf.constant([0, int(Fault.REWARD)])
    marked = nonfinite.marked(tf.constant([3.0, 4.0]), faults)
    np.testing.assert_array_equal(marked, [3.0, np.nan])
    assert nonfinite.finite_returns(marked).tolist() == [3.0]


def test_each_fault_has_words_and_belongs_to_a_step_or_an_update():
    words = {(fault.what, fault.wrong) for fault in Fault}
    assert len(words) == len(Fault)
    in_update = [fault for fault in Fault if fault.in_update]
    assert in_update == [Fault.LOSS, Fault.GRADIENT, Fault.WEIGHTS, Fault.VALUE]
    assert 0 not in list(Fault)
