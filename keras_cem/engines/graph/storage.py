"""Storage of the steps of trajectories in a compiled step."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from keras_cem import spaces
from keras_cem.utils.tensors import Nest


def arrays(nest: Nest, length: int) -> Any:
    """Returns empty `TensorArray`s for a nest of tensors.

    Args:
        nest: Nest of tensors with the shapes and dtypes of an entry.
        length: Number of entries.
    """
    return tf.nest.map_structure(
        lambda leaf: tf.TensorArray(
            leaf.dtype, length, element_shape=leaf.shape
        ),
        nest,
    )


def write(arrays: Nest, index: tf.Tensor, values: Nest) -> Any:
    """Returns the arrays with one entry written.

    Args:
        arrays: As `arrays` returns them.
        index: int32 scalar, number of the entry.
        values: Nest of tensors.
    """
    return tf.nest.map_structure(
        lambda array, value: array.write(index, value), arrays, values
    )


def storage_dtype(leaf: spaces.Leaf) -> np.dtype:
    """Returns the smallest dtype that holds every action of `leaf`."""
    if not isinstance(leaf, spaces.Integers):
        return leaf.dtype
    least, most = np.min(leaf.first), np.max(leaf.last)
    for name in ("int8", "int16", "int32"):
        dtype = np.dtype(name)
        if np.iinfo(dtype).min <= least and most <= np.iinfo(dtype).max:
            return dtype
    return leaf.dtype


def cast_leaves(
    space: spaces.Space, actions: Nest, dtypes: Sequence[np.dtype]
) -> Any:
    """Returns actions with each leaf cast to a dtype."""
    leaves = zip(space.flatten(actions), dtypes, strict=True)
    return space.pack([tf.cast(leaf, dtype) for leaf, dtype in leaves])


def replace_outside(
    space: spaces.Space, observations: Nest
) -> tuple[Nest, tf.Tensor]:
    """Replaces integers outside of their space, and returns which rows had any.

    A policy may raise an error for them, such as an `Embedding` on a CPU.

    Args:
        space: Space of one observation.
        observations: Batch of observations.

    Returns:
        The observations, and bool `(K,)` or false for all rows.
    """
    inside, outside = [], tf.constant(False)
    for values, leaf in zip(
        space.flatten(observations), space.leaves, strict=True
    ):
        if isinstance(leaf, spaces.Integers):
            first, last = (
                tf.constant(end, values.dtype)
                for end in (leaf.first, leaf.last)
            )
            wrong = (values < first) | (values > last)
            values = tf.where(wrong, first, values)
            axes = list(range(1, wrong.shape.rank))
            outside |= tf.reduce_any(wrong, axis=axes)
        inside.append(values)
    return space.pack(inside), outside
