"""Types of tensors and of nests of them, and a choice of rows.

TensorFlow ships no types, so `tf.Tensor` is `Any` to a type checker. The names
still say what is meant, and structures around tensors are checked.
"""

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
import tensorflow as tf

# What TensorFlow's functions take as one tensor.
Array: TypeAlias = np.ndarray | tf.Tensor
# A value of a space, or a batch of values: an array, or arrays in the structure
# of a nested space.
Nest: TypeAlias = Array | Mapping[str, "Nest"] | Sequence["Nest"]
# A whole number, which may be known in a compiled step only.
Integer: TypeAlias = int | tf.Tensor
# A number, which may be known in a compiled step only.
Number: TypeAlias = float | tf.Tensor


def where_rows(rows: tf.Tensor, new: Nest, old: Nest) -> Any:
    """Returns `new` in some rows, and `old` in the others.

    Args:
        rows: bool `(N,)`, true for the rows of `new`.
        new: Nest of tensors `(N, ...)`.
        old: Nest of the same structure, shapes and dtypes.
    """

    def of(new: tf.Tensor, old: tf.Tensor) -> tf.Tensor:
        shape = (-1, *[1] * (old.shape.rank - 1))
        return tf.where(tf.reshape(rows, shape), new, old)

    return tf.nest.map_structure(of, new, old)
