"""Serialisable descriptions of observation and action spaces.

An agent has to say what it observes and how it acts after it was saved and
loaded, also where gymnasium is not imported. So it keeps a description of each
space, in gymnasium's words, that goes to JSON and back.
"""

import abc
import math
import operator
from collections.abc import Sequence
from typing import Any, ClassVar, TypeVar

import numpy as np


class Space(abc.ABC):
    """Description of a space: what one observation or action looks like.

    A space is a tree; `leaves` are its parts that are one array each. `Box`
    and `Discrete` are their own single leaf.
    """

    kind: ClassVar[str]
    shape: tuple[int, ...]
    dtype: np.dtype

    @property
    def leaves(self) -> list["Space"]:
        """The parts of this space that are one array each, in fixed order."""
        return [self]

    @property
    def leaf_names(self) -> list[str]:
        """What the inputs of a network for these leaves are called."""
        return ["observations"]

    def flatten(self, value: Any) -> list[Any]:
        """Takes one value (or batch) of this space apart into its leaves."""
        return [value]

    def pack(self, leaves: Sequence[Any]) -> Any:
        """Puts the leaves together again; the inverse of `flatten`."""
        (value,) = leaves
        return value

    @abc.abstractmethod
    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments as JSON values."""

    @abc.abstractmethod
    def to_gymnasium(self) -> Any:
        """Returns the `gymnasium.spaces.Space` that this describes."""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Space) and serialize(self) == serialize(other)

    def __hash__(self) -> int:
        return hash(repr(serialize(self)))

    def __repr__(self) -> str:
        config = self.get_config()
        arguments = ", ".join(f"{key}={config[key]!r}" for key in config)
        return f"{type(self).__name__}({arguments})"


class Discrete(Space):
    """The integers `start, ..., start + n - 1`.

    Args:
        n: Number of elements, at least 1.
        start: Smallest element. Defaults to `0`.
        dtype: Integer type. Defaults to `"int64"`.
    """

    kind = "Discrete"

    def __init__(self, n: int, start: int = 0, dtype: Any = "int64"):
        self.n = _integer(n=n)
        self.start = _integer(start=start)
        self.dtype = np.dtype(dtype)
        self.shape = ()
        if self.n < 1:
            raise ValueError(f"`n` must be at least 1. Received: n={n}")

    def get_config(self) -> dict[str, Any]:
        return {"n": self.n, "start": self.start, "dtype": self.dtype.name}

    def to_gymnasium(self) -> Any:
        import gymnasium

        # gymnasium before 1.3 has no `dtype` here: it is int64 throughout.
        if self.dtype == np.int64:
            return gymnasium.spaces.Discrete(self.n, start=self.start)
        return gymnasium.spaces.Discrete(
            self.n, start=self.start, dtype=self.dtype.type
        )


class Box(Space):
    """Arrays between `low` and `high`, element by element.

    Args:
        low: Array or number, the smallest values; may be `-inf`.
        high: Array or number, the largest values; may be `inf`.
        shape: Shape of one value. Defaults to the shape of `low`.
        dtype: Defaults to `"float32"`.
    """

    kind = "Box"

    def __init__(
        self,
        low: Any,
        high: Any,
        shape: Sequence[int] | None = None,
        dtype: Any = "float32",
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

    def to_gymnasium(self) -> Any:
        import gymnasium

        return gymnasium.spaces.Box(
            self.low, self.high, self.shape, self.dtype.type
        )


_Kind = TypeVar("_Kind", bound=Space)
_KINDS: dict[str, type[Space]] = {cls.kind: cls for cls in (Discrete, Box)}


def supported() -> str:
    """The kinds of space that can be described, for error messages."""
    return ", ".join(sorted(_KINDS))


def get(space: Any, argument: str = "space") -> Space:
    """Returns the description of a space.

    Args:
        space: A gymnasium space, a description, or the dictionary that
            `serialize` made.
        argument: What the caller calls it, for the error message.

    Returns:
        A `Space`.

    Raises:
        ValueError: If no description exists for this kind of space.
        TypeError: If `space` is not a space.
    """
    if isinstance(space, Space):
        return space
    if isinstance(space, dict):
        return deserialize(space)
    import gymnasium

    if isinstance(space, gymnasium.spaces.Discrete):
        return Discrete(space.n, space.start, space.dtype or "int64")
    if isinstance(space, gymnasium.spaces.Box):
        return Box(space.low, space.high, space.shape, space.dtype)
    if isinstance(space, gymnasium.spaces.Space):
        raise ValueError(
            f"`{argument}` must be one of {supported()}. "
            f"Received: {argument}={space!r}"
        )
    raise TypeError(
        f"`{argument}` must be a `gymnasium.spaces.Space`. "
        f"Received: {argument}={space!r} of type {type(space).__name__}"
    )


def get_as(kind: type[_Kind], space: Any, argument: str) -> _Kind:
    """Returns the description of a space that must be of one kind.

    Args:
        kind: Class of description.
        space: What `get` takes.
        argument: What the caller calls it, for the error message.

    Raises:
        ValueError: If the space is of another kind.
    """
    described = get(space, argument)
    if isinstance(described, kind):
        return described
    raise ValueError(
        f"`{argument}` must be {kind.kind}. Received: {argument}={described}"
    )


def serialize(space: Space) -> dict[str, Any]:
    """Returns `space` as JSON values."""
    return {"kind": space.kind, **space.get_config()}


def deserialize(config: dict[str, Any]) -> Space:
    """Returns the space that `serialize` made `config` of.

    Raises:
        ValueError: If `config` names an unknown kind of space.
    """
    arguments = dict(config)
    kind = arguments.pop("kind", None)
    if kind not in _KINDS:
        raise ValueError(
            f"`kind` of a space must be one of {supported()}. "
            f"Received: kind={kind!r}"
        )
    return _KINDS[kind](**arguments)


def _numbers(value: Any, dtype: np.dtype) -> np.ndarray:
    """Array of what JSON holds: infinities are strings there.

    By way of Python's numbers, as int64 has more digits than a float.
    """
    if isinstance(value, np.ndarray):
        return value.astype(dtype)
    numbers = np.asarray(value, object)
    if any(isinstance(number, str) for number in numbers.flat):
        numbers = np.vectorize(float, otypes=[object])(numbers)
    return numbers.astype(dtype)


def _integer(**arguments: Any) -> int:
    ((name, value),) = arguments.items()
    try:
        return operator.index(value)
    except TypeError:
        raise TypeError(
            f"`{name}` must be an integer. Received: {name}={value!r} of type "
            f"{type(value).__name__}"
        ) from None


def _plain(array: np.ndarray) -> Any:
    """One number if all are equal, else nested lists; infinities as strings."""
    if array.size and np.all(array == array.flat[0]):
        array = array.flat[0]
    return _strings(np.asarray(array).tolist())


def _strings(value: Any) -> Any:
    if isinstance(value, list):
        return [_strings(item) for item in value]
    return str(value) if math.isinf(value) else value
