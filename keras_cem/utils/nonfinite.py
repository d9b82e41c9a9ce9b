"""Finds NaN and infinite values, and names their origin."""

from collections.abc import Iterable
from typing import Any

import tensorflow as tf

# Values of a step that may not be finite, in the order of their computation. An
# episode ends at the first such value.
FAULTS = ("observation", "policy's output", "reward")


ON_NONFINITE = ("raise", "skip")
# Values of a training step that may not be finite; the step then makes no
# update. They are numbered from 1; 0 means that all are finite.
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
        batch: Nest of tensors `(N, ...)`, at least one of them of floats.
            Integers are always finite.

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
