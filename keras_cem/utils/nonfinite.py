"""Which rows of a batch are finite."""

from typing import Any

import tensorflow as tf


def finite_rows(batch: Any) -> tf.Tensor:
    """Returns which rows hold neither NaN nor infinity.

    Args:
        batch: Nest of tensors `(N, ...)`. Integers are finite. At least one
            is of floats.

    Returns:
        bool tensor `(N,)`.
    """
    floats = [leaf for leaf in tf.nest.flatten(batch) if leaf.dtype.is_floating]
    fine = [
        tf.reduce_all(
            tf.math.is_finite(leaf), axis=list(range(1, leaf.shape.rank))
        )
        for leaf in floats
    ]
    return tf.reduce_all(tf.stack(fine), axis=0)
