"""Layers that compute with NumPy, for `array_network`."""

import functools
import math
from collections.abc import Callable
from typing import Any, NamedTuple

import keras
import numpy as np

from keras_cem import activations
from keras_cem.networks.dropout import Dropout
from keras_cem.networks.graph_copy import is_plain_dense
from keras_cem.networks.layers import FloatVector, MultiOneHot, OneHot
from keras_cem.networks.normalization import RunningNormalization

# Number of rows of a matrix product. BLAS then needs one thread, and its
# kernels no other code for the last rows. More rows at once are no faster.
BLOCK = 8

Function = Callable[..., Any]

_FLOAT32 = np.dtype(np.float32)


class ArrayLayer(NamedTuple):
    """A layer as a function of NumPy arrays.

    Attributes:
        function: Function of the layer's inputs and weights.
        variables: The variables that hold the weights.
    """

    function: Function
    variables: list[keras.Variable]


def array_layer(layer: Any, inputs: list[Any]) -> ArrayLayer | None:
    """Returns a layer that computes with NumPy, None if it is unknown.

    Args:
        layer: Operation of a network, as it computes without training.
        inputs: Its inputs, each a `keras.KerasTensor`.
    """
    make = _MAKERS.get(type(layer))
    return None if make is None else make(layer, inputs)


def normalization(layer: RunningNormalization) -> ArrayLayer:
    """Returns a normalization that computes with NumPy."""

    def function(
        x: np.ndarray, shift: np.ndarray, scale: np.ndarray, limit: np.ndarray
    ) -> np.ndarray:
        scaled: np.ndarray = (as_floats(x) - shift) * scale
        return scaled.clip(-limit, limit)

    return ArrayLayer(function, [layer.shift, layer.scale, layer.limit])


def as_floats(x: Any) -> np.ndarray:
    """Returns an array as float32; categories as one-hot vectors."""
    if isinstance(x, _Categories):
        return x.vectors()
    # As a rule nothing is to be converted, and `astype` takes as long as an
    # addition to find out.
    floats: np.ndarray = x if x.dtype is _FLOAT32 else x.astype(_FLOAT32)
    return floats


class _Categories:
    """Categories in place of their one-hot vectors, see `category_lookup`.

    Args:
        rows: int `(N, k)`, the numbers of the entries that are 1.
        size: Number of entries.
    """

    def __init__(self, rows: np.ndarray, size: int):
        self._rows = rows
        self._size = size

    def product(self, kernel: np.ndarray) -> np.ndarray:
        """Returns the product of the one-hot vectors and a kernel."""
        total: np.ndarray = kernel[self._rows[:, 0]]
        for column in range(1, self._rows.shape[1]):
            total += kernel[self._rows[:, column]]
        return total

    def vectors(self) -> np.ndarray:
        """Returns the one-hot vectors, float32 `(N, size)`."""
        vectors = np.zeros((len(self._rows), self._size), np.float32)
        np.put_along_axis(vectors, self._rows, 1.0, axis=1)
        return vectors


def _dense(layer: keras.layers.Dense, inputs: list[Any]) -> ArrayLayer | None:
    activate = _ACTIVATIONS.get(layer.activation)
    if activate is None or not is_plain_dense(layer):
        return None
    if len(inputs[0].shape) != 2:
        return None
    size, units = map(int, layer.kernel.shape)
    if layer.activation is keras.activations.relu:
        # Of whole blocks: NumPy needs a third of the time of a scalar.
        zeros = np.zeros((BLOCK, units), np.float32)
        activate = functools.partial(_larger, zeros)
    variables = [layer.kernel, *([layer.bias] if layer.use_bias else [])]

    def function(x: Any, kernel: np.ndarray, *bias: np.ndarray) -> np.ndarray:
        if isinstance(x, _Categories):
            product = x.product(kernel).reshape(-1, BLOCK, units)
        else:
            rows = as_floats(x)
            if len(rows) > BLOCK:
                rows = rows.reshape(-1, BLOCK, size)
            product = np.matmul(rows, kernel)
        for term in bias:
            product += term
        return activate(product).reshape(-1, units)

    return ArrayLayer(function, variables)


def _one_hot(layer: OneHot | MultiOneHot, inputs: list[Any]) -> ArrayLayer:
    counts, first = layer.ranges
    begins, size = np.cumsum(counts) - counts, int(np.sum(counts))

    def function(x: np.ndarray) -> _Categories:
        values = x.reshape(len(x), len(counts)).astype(np.int64) - first
        # The engine refuses integers out of range, but rows of slots that are
        # not used may still hold them.
        return _Categories(values.clip(0, counts - 1) + begins, size)

    return ArrayLayer(function, [])


def _rescaling(
    layer: keras.layers.Rescaling, inputs: list[Any]
) -> ArrayLayer | None:
    scale = np.asarray(layer.scale, np.float32)
    offset = np.asarray(layer.offset, np.float32)
    return ArrayLayer(lambda x: as_floats(x) * scale + offset, [])


def _activation(
    layer: keras.layers.Activation, inputs: list[Any]
) -> ArrayLayer | None:
    activate = _ACTIVATIONS.get(layer.activation)
    if activate is None:
        return None
    # A copy: activations may overwrite their input.
    return ArrayLayer(lambda x: activate(np.array(x, np.float32)), [])


def _reshaped(layer: keras.Layer, inputs: list[Any]) -> ArrayLayer | None:
    shape = tuple(layer.compute_output_shape(inputs[0].shape))[1:]
    return ArrayLayer(lambda x: x.reshape(len(x), *shape), [])


def _vector(layer: keras.Layer, inputs: list[Any]) -> ArrayLayer:
    size = math.prod(inputs[0].shape[1:])
    return ArrayLayer(lambda x: as_floats(x).reshape(-1, size), [])


def _joined(
    layer: keras.layers.Concatenate, inputs: list[Any]
) -> ArrayLayer | None:
    if layer.axis not in (1, -1) or any(len(x.shape) != 2 for x in inputs):
        return None
    return ArrayLayer(
        lambda *parts: np.concatenate(list(map(as_floats, parts)), axis=1), []
    )


def _unchanged(layer: keras.Layer, inputs: list[Any]) -> ArrayLayer:
    return ArrayLayer(lambda x: x, [])


def _larger(least: np.ndarray, x: np.ndarray) -> np.ndarray:
    larger: np.ndarray = np.maximum(x, least, out=x)
    return larger


def _logistic(x: np.ndarray) -> np.ndarray:
    logistic: np.ndarray = 1.0 / (1.0 + np.exp(-x))
    return logistic


def _elu(x: np.ndarray) -> np.ndarray:
    larger: np.ndarray = np.where(x > 0.0, x, np.expm1(x))
    return larger


def _softplus(x: np.ndarray) -> np.ndarray:
    positive: np.ndarray = np.maximum(x, np.float32(0.0))
    positive += np.log1p(np.exp(-np.abs(x)))
    return positive


def _step(x: np.ndarray) -> np.ndarray:
    ones: np.ndarray = np.where(np.isnan(x), x, (x >= 0).astype(np.float32))
    return ones


# Each may overwrite its input, float32, and returns float32.
_ACTIVATIONS: dict[Any, Callable[[np.ndarray], np.ndarray]] = {
    None: lambda x: x,
    keras.activations.linear: lambda x: x,
    keras.activations.relu: functools.partial(_larger, np.zeros(1, np.float32)),
    keras.activations.tanh: lambda x: np.tanh(x, out=x),
    keras.activations.sigmoid: _logistic,
    keras.activations.elu: _elu,
    keras.activations.softplus: _softplus,
    activations.arctan: lambda x: np.arctan(x, out=x),
    activations.binary_step: _step,
    activations.binary_step_surrogate: _step,
}

_MAKERS: dict[type, Callable[[Any, list[Any]], ArrayLayer | None]] = {
    keras.layers.Activation: _activation,
    keras.layers.Concatenate: _joined,
    keras.layers.Dense: _dense,
    keras.layers.Dropout: _unchanged,
    keras.layers.Flatten: _reshaped,
    keras.layers.InputLayer: _unchanged,
    keras.layers.Rescaling: _rescaling,
    keras.layers.Reshape: _reshaped,
    Dropout: _unchanged,
    FloatVector: _vector,
    MultiOneHot: _one_hot,
    OneHot: _one_hot,
}
