"""Dense layers on one-hot vectors, computed by looking up rows of kernels.

The product of a one-hot vector and a kernel is a row of the kernel. Gathering
the row takes a fraction of the time, and its gradient has no other rows.
"""

import weakref
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_cem.networks.graph_copy import (
    Function,
    dense_outputs,
    graph_copy,
    is_graph,
    is_plain_dense,
)
from keras_cem.networks.layers import MultiOneHot, OneHot

# Least number of entries of a one-hot vector: shorter ones are multiplied.
LEAST_VALUES = 8

_COPIES: weakref.WeakKeyDictionary[keras.Model, Function] = (
    weakref.WeakKeyDictionary()
)


def with_lookup(network: Function) -> Function:
    """Returns a function that looks categories up instead of multiplying.

    It concerns dense layers directly after a `OneHot` or `MultiOneHot` layer.
    For `OneHot`, the outputs are the same bit for bit. Other results, such as
    gradients, are sums of the same terms in another order.

    Args:
        network: Callable from observations to outputs.

    Returns:
        A function of the observations and of `training`. It is the network
        itself if it has no such layers, or is neither functional nor
        sequential.
    """
    copy = _copy(network) if is_graph(network) else None
    if copy is None:
        return network

    def function(inputs: Any, *, training: bool | None = None) -> Any:
        return _multiplied(copy(inputs, training=training))

    return function


def _copy(model: keras.Model) -> Function | None:
    """Returns a copy that looks up; None for a model without categories."""
    if model not in _COPIES and any(map(_is_long, model.layers)):
        _COPIES[model] = graph_copy(model, _function)
    return _COPIES.get(model)


class _Categories:
    """Categories in place of their one-hot vectors.

    Args:
        layer: A `OneHot` or `MultiOneHot` layer.
        inputs: Its inputs, integers `(N, ...)`.
    """

    def __init__(self, layer: Any, inputs: tf.Tensor):
        self._layer = layer
        self._inputs = inputs

    def vectors(self) -> tf.Tensor:
        """Returns the one-hot vectors, as the layer does."""
        return self._layer(self._inputs)

    def product(self, kernel: tf.Tensor) -> tf.Tensor:
        """Returns the product of the one-hot vectors and a kernel.

        Args:
            kernel: float32 `(n, m)`.

        Returns:
            float32 `(N, m)`.
        """
        counts, first = self._layer.ranges
        begins = np.cumsum(counts) - counts
        values = tf.cast(
            tf.reshape(self._inputs, (-1, len(counts))), tf.int64
        ) - tf.constant(first, tf.int64)
        # The one-hot vector of an integer out of range is zero.
        known = (values >= 0) & (values < tf.constant(counts, tf.int64))
        rows = values + tf.constant(begins, tf.int64)
        return _rows_of(kernel, tf.where(known, tf.cast(rows, tf.int32), -1))


def _rows_of(kernel: tf.Tensor, rows: tf.Tensor) -> tf.Tensor:
    """Returns sums of rows of a kernel.

    Args:
        kernel: float32 `(n, m)`.
        rows: int32 `(N, k)`, the numbers of k rows; -1 for zeros.

    Returns:
        float32 `(N, m)`.
    """
    size, columns = kernel.shape

    @tf.custom_gradient
    def looked_up(kernel: tf.Tensor) -> Any:
        found = tf.gather(kernel, tf.maximum(rows, 0))
        found = tf.where((rows >= 0)[:, :, tf.newaxis], found, 0.0)

        def gradient(of_sums: tf.Tensor) -> tf.Tensor:
            # A tensor: what sums gradients over blocks takes no others.
            terms = tf.broadcast_to(of_sums[:, tf.newaxis], tf.shape(found))
            return tf.math.unsorted_segment_sum(
                tf.reshape(terms, (-1, columns)),
                tf.reshape(rows, (-1,)),
                size,
            )

        return tf.reduce_sum(found, axis=1), gradient

    return looked_up(kernel)


def _is_long(layer: object) -> bool:
    """Whether a layer makes one-hot vectors that are worth a lookup."""
    if not isinstance(layer, OneHot | MultiOneHot):
        return False
    counts, _ = layer.ranges
    return bool(np.sum(counts) >= LEAST_VALUES * len(counts))


def _function(operation: keras.Operation) -> Function:
    """Returns the function that computes an operation in the copy."""
    if _is_long(operation):
        return lambda inputs: _Categories(operation, inputs)

    def function(*args: Any, **kwargs: Any) -> Any:
        if (
            len(args) == 1
            and isinstance(args[0], _Categories)
            and is_plain_dense(operation)
        ):
            kernel = tf.convert_to_tensor(operation.kernel)
            return dense_outputs(operation, args[0].product(kernel))
        return operation(*_multiplied(args), **_multiplied(kwargs))

    return function


def _multiplied(nest: Any) -> Any:
    """Returns a nest with one-hot vectors in place of categories."""
    return tf.nest.map_structure(
        lambda leaf: leaf.vectors() if isinstance(leaf, _Categories) else leaf,
        nest,
    )
