"""Spaces with one array per value."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from keras_cem.spaces.base import Leaf
from keras_cem.utils import checks

if TYPE_CHECKING:
    import gymnasium


class Integers(Leaf):
    """A space of integers, each with a finite range.

    Attributes:
        first: Smallest value, a number or an array of the space's shape.
        last: Largest value, a number or an array of the space's shape.
    """

    first: int | np.ndarray
    last: int | np.ndarray


class Discrete(Integers):
    """The integers `start, ..., start + n - 1`.

    Args:
        n: Number of elements, at least 1.
        start: Smallest element. Defaults to `0`.
        dtype: Integer type. Defaults to `"int64"`.
    """

    kind = "Discrete"

    def __init__(self, n: int, start: int = 0, dtype: npt.DTypeLike = "int64"):
        self.n = checks.as_integer("n", n, minimum=1)
        self.start = checks.as_integer("start", start)
        self.dtype = np.dtype(dtype)
        self.shape = ()
        self.first, self.last = self.start, self.start + self.n - 1

    def get_config(self) -> dict[str, Any]:
        return {"n": self.n, "start": self.start, "dtype": self.dtype.name}

    def to_gymnasium(self) -> "gymnasium.Space[Any]":
        import gymnasium

        # Gymnasium before 1.3 has no `dtype` here and always uses int64.
        if self.dtype == np.int64:
            return gymnasium.spaces.Discrete(self.n, start=self.start)
        return gymnasium.spaces.Discrete(
            self.n, start=self.start, dtype=self.dtype.type
        )


class Box(Leaf):
    """Arrays between `low` and `high`, element by element.

    Args:
        low: Array or number, the smallest values; may be `-inf`.
        high: Array or number, the largest values; may be `inf`.
        shape: Shape of one value. Defaults to the shape of `low`.
        dtype: Dtype of the values. Defaults to `"float32"`.
    """

    kind = "Box"

    def __init__(
        self,
        low: npt.ArrayLike,
        high: npt.ArrayLike,
        shape: Sequence[int] | None = None,
        dtype: npt.DTypeLike = "float32",
    ):
        self.dtype = np.dtype(dtype)
        low, high = _numbers(low, self.dtype), _numbers(high, self.dtype)
        if shape is None:
            shape = np.broadcast_shapes(low.shape, high.shape)
        self.shape = tuple(int(size) for size in shape)
        self.low = np.broadcast_to(low, self.shape)
        self.high = np.broadcast_to(high, self.shape)
        if not np.all(self.low <= self.high):
            raise ValueError(
                "`low` must not exceed `high`. "
                f"Received: low={self.low}, high={self.high}"
            )

    def get_config(self) -> dict[str, Any]:
        return {
            "low": _plain(self.low),
            "high": _plain(self.high),
            "shape": list(self.shape),
            "dtype": self.dtype.name,
        }

    def clip(self, values: np.ndarray) -> np.ndarray:
        clipped: np.ndarray = np.clip(values, self.low, self.high)
        return clipped

    def to_gymnasium(self) -> "gymnasium.Space[Any]":
        import gymnasium

        return gymnasium.spaces.Box(
            self.low, self.high, self.shape, self.dtype.type
        )


class MultiDiscrete(Integers):
    """Arrays of integers, each element with its own range.

    Element i is one of `start_i, ..., start_i + nvec_i - 1`.

    Args:
        nvec: Array of any shape, the number of values of each element.
        start: Number or array of the same shape, the smallest value of each
            element. Defaults to `0`.
        dtype: Integer type. Defaults to `"int64"`.
    """

    kind = "MultiDiscrete"

    def __init__(
        self,
        nvec: npt.ArrayLike,
        start: npt.ArrayLike = 0,
        dtype: npt.DTypeLike = "int64",
    ):
        self.nvec = _integers("nvec", nvec)
        self.shape = self.nvec.shape
        self.dtype = np.dtype(dtype)
        first = _integers("start", start)
        if first.shape not in ((), self.shape):
            raise ValueError(
                "`start` must be a number or have the shape of `nvec`, "
                f"{self.shape}. Received: start={start!r} of shape "
                f"{first.shape}"
            )
        self.start = np.broadcast_to(first, self.shape)
        self.first, self.last = self.start, self.start + self.nvec - 1
        if not self.nvec.size or np.any(self.nvec < 1):
            raise ValueError(
                "`nvec` must hold at least one number, each at least 1. "
                f"Received: nvec={nvec!r}"
            )

    def get_config(self) -> dict[str, Any]:
        return {
            "nvec": self.nvec.tolist(),
            "start": _plain(self.start),
            "dtype": self.dtype.name,
        }

    def to_gymnasium(self) -> "gymnasium.Space[Any]":
        import gymnasium

        return gymnasium.spaces.MultiDiscrete(
            self.nvec, dtype=self.dtype.type, start=self.start
        )


class MultiBinary(Integers):
    """Arrays of zeros and ones.

    Args:
        n: Int or ints, the shape of one value; an int is the size of a vector.
    """

    kind = "MultiBinary"
    first, last = 0, 1

    def __init__(self, n: int | Sequence[int]):
        sizes = n if isinstance(n, (Sequence, np.ndarray)) else (n,)
        self.shape = tuple(checks.as_integer("n", size) for size in sizes)
        self.dtype = np.dtype("int8")
        if not self.shape or any(size < 1 for size in self.shape):
            raise ValueError(
                "`n` must be at least one number, each at least 1. "
                f"Received: n={n!r}"
            )

    def get_config(self) -> dict[str, Any]:
        return {"n": list(self.shape)}

    def to_gymnasium(self) -> "gymnasium.Space[Any]":
        import gymnasium

        # Gymnasium's space made from a list differs from that made from an int.
        (size, *more) = self.shape
        return gymnasium.spaces.MultiBinary(self.shape if more else size)


def _numbers(value: npt.ArrayLike, dtype: np.dtype) -> np.ndarray:
    """Converts JSON values to an array; JSON holds infinities as strings.

    The conversion goes through Python's numbers, because int64 has more digits
    than a float.
    """
    if isinstance(value, np.ndarray):
        return value.astype(dtype)
    numbers = np.asarray(value, object)
    if any(isinstance(number, str) for number in numbers.flat):
        numbers = np.vectorize(float, otypes=[object])(numbers)
    return numbers.astype(dtype)


def _integers(name: str, value: npt.ArrayLike) -> np.ndarray:
    array = np.asarray(value)
    if not np.issubdtype(array.dtype, np.integer):
        raise TypeError(
            f"`{name}` must be an array of integers. "
            f"Received: {name}={value!r} of dtype {array.dtype}"
        )
    return array.astype(np.int64)


def _plain(array: np.ndarray) -> Any:
    """Returns an array as JSON values, with infinities as strings.

    An array of equal numbers becomes one number.
    """
    if array.size and np.all(array == array.flat[0]):
        array = array.flat[0]
    return _strings(np.asarray(array).tolist())


def _strings(value: Any) -> Any:
    if isinstance(value, list):
        return [_strings(item) for item in value]
    return str(value) if math.isinf(value) else value
