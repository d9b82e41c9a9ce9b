"""Layers that encode raw observations for a network."""

import math
from typing import Any

import keras
import numpy as np


@keras.saving.register_keras_serializable("keras_cem")
class OneHot(keras.layers.Layer):
    """One-hot vectors of the integers `start, ..., start + n - 1`.

    Args:
        n: Number of integers.
        start: Smallest integer. Defaults to `0`.

    Call arguments:
        inputs: Integer tensor `(batch, ...)`.

    Returns:
        Float tensor `(batch, ..., n)`; zeros for an integer out of range.
    """

    def __init__(self, n: int, start: int = 0, **kwargs: Any):
        super().__init__(**kwargs)
        self.n = n
        self.start = start

    @property
    def ranges(self) -> tuple[np.ndarray, np.ndarray]:
        """Number of values and smallest value of the one element, `(1,)`."""
        return np.array([self.n]), np.array([self.start])

    def call(self, inputs: Any) -> Any:
        """Encodes `inputs`."""
        return keras.ops.one_hot(
            inputs - self.start, self.n, dtype=self.compute_dtype
        )

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {**super().get_config(), "n": self.n, "start": self.start}


@keras.saving.register_keras_serializable("keras_cem")
class MultiOneHot(keras.layers.Layer):
    """Concatenated one-hot vectors of several integers, each with its range.

    Element i is one of `start_i, ..., start_i + nvec_i - 1`. Its one-hot vector
    has `nvec_i` entries. The vectors are concatenated in C order.

    Args:
        nvec: Array of ints, the number of values of each element.
        start: Number or array of the same shape, the smallest value of each
            element. Defaults to `0`.

    Call arguments:
        inputs: Integer tensor `(batch, *nvec.shape)`.

    Returns:
        Float tensor `(batch, sum(nvec))`; zeros for an integer out of range.
    """

    def __init__(self, nvec: Any, start: Any = 0, **kwargs: Any):
        super().__init__(**kwargs)
        counts, first = _ranges(nvec, start)
        self.nvec = np.asarray(nvec).tolist()
        self.start = np.asarray(start).tolist()
        # Entry e is 1 where element `_element[e]` is `_value[e]`.
        self._element = np.repeat(np.arange(counts.size), counts)
        self._value = np.concatenate(
            [
                begin + np.arange(n)
                for begin, n in zip(first, counts, strict=True)
            ]
        )

    @property
    def ranges(self) -> tuple[np.ndarray, np.ndarray]:
        """Number of values and smallest value of each element, in C order."""
        return _ranges(self.nvec, self.start)

    def call(self, inputs: Any) -> Any:
        """Encodes `inputs`."""
        flat = keras.ops.reshape(inputs, (-1, self._element[-1] + 1))
        picked = keras.ops.take(flat, self._element, axis=1)
        value = keras.ops.cast(self._value, inputs.dtype)
        return keras.ops.cast(
            keras.ops.equal(picked, value), self.compute_dtype
        )

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {**super().get_config(), "nvec": self.nvec, "start": self.start}


@keras.saving.register_keras_serializable("keras_cem")
class CategoryIndex(keras.layers.Layer):
    """Maps integers of several ranges to the indices of one embedding.

    Element i is one of `start_i, ..., start_i + nvec_i - 1`. Its value `x`
    becomes `x - start_i + nvec_0 + ... + nvec_(i-1)`.

    Args:
        nvec: Int or array of ints, the number of values of each element.
        start: Number or array of the same shape, the smallest value of each
            element. Defaults to `0`.

    Call arguments:
        inputs: Integer tensor `(batch, *nvec.shape)`.

    Returns:
        int32 tensor of the same shape, with values below `sum(nvec)`.
    """

    def __init__(self, nvec: Any, start: Any = 0, **kwargs: Any):
        super().__init__(**kwargs)
        counts, first = _ranges(nvec, start)
        self.nvec = np.asarray(nvec).tolist()
        self.start = np.asarray(start).tolist()
        before = np.cumsum(counts) - counts
        self._shift = np.reshape(before - first, np.shape(nvec))

    def call(self, inputs: Any) -> Any:
        """Maps `inputs` to indices."""
        return keras.ops.cast(inputs, "int32") + keras.ops.cast(
            self._shift, "int32"
        )

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {**super().get_config(), "nvec": self.nvec, "start": self.start}


@keras.saving.register_keras_serializable("keras_cem")
class FloatVector(keras.layers.Layer):
    """Flattens numbers of any shape and dtype to a vector of floats.

    Call arguments:
        inputs: Tensor `(batch, ...)`.

    Returns:
        Float tensor `(batch, size)`.
    """

    def call(self, inputs: Any) -> Any:
        """Flattens `inputs`."""
        size = math.prod(inputs.shape[1:])
        flat = keras.ops.reshape(inputs, (-1, size))
        return keras.ops.cast(flat, self.compute_dtype)


def _ranges(nvec: Any, start: Any) -> tuple[np.ndarray, np.ndarray]:
    """Returns the number of values and the smallest value of each element.

    The elements are in C order.
    """
    counts = np.asarray(nvec)
    first = np.broadcast_to(np.asarray(start), counts.shape)
    return counts.reshape(-1), first.reshape(-1)
