import tensorflow as tf

from keras_cem.utils.tensors import where_rows


def test_rows_of_a_nest_are_chosen():
    rows = tf.constant([True, False])
    new = {"a": tf.constant([1, 2]), "b": (tf.constant([[1, 1], [2, 2]]),)}
    old = {"a": tf.constant([7, 8]), "b": (tf.constant([[7, 7], [8, 8]]),)}
    chosen = where_rows(rows, new, old)
    assert chosen["a"].numpy().tolist() == [1, 8]
    assert chosen["b"][0].numpy().tolist() == [[1, 1], [8, 8]]
