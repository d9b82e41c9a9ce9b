"""What may be not finite: what it is called, and finding it."""

from collections.abc import Iterable
from typing import Any

import tensorflow as tf

# What may fail to be finite, in the order in which a step makes it. An episode
# ends where something is not.
FAULTS = ("observation", "policy's output", "reward")


ON_NONFINITE = ("raise", "skip")
# What a step may find not finite, and withhold itself for; numbered from 1, 0
# being that all is well.
ORIGINS = ("loss", "gradient", "weights or the optimizer's variables")
LOSS, GRADIENT, WEIGHTS = 1, 2, 3


def all_finite(tensors: Iterable[Any]) -> tf.Tensor:
    """Returns whether no float tensor holds a NaN or an infinity."""
    fine = [
        tf.reduce_all(tf.math.is_finite(tensor))
        for tensor in map(tf.convert_to_tensor, tensors)
        if tensor.dtype.is_floating
    ]
    return tf.reduce_all(tf.stack([True, *fine]))


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
