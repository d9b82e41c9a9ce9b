"""The interface of a description of a space."""

import abc
import keyword
import math
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

if TYPE_CHECKING:
    import gymnasium

# Path from a space to a part: keys of a Dict, indices of a Tuple.
Path = tuple[str | int, ...]

# Largest number of elements in a value of a space loaded from a file.
MAX_SIZE = 2**26

_KINDS: dict[str, type["Space"]] = {}


class Space(abc.ABC):
    """Description of a space, the set of valid observations or actions.

    A space is a tree. Each of its `leaves` describes one array. `Dict` and
    `Tuple` have parts; every other space is its own single leaf.
    """

    kind: ClassVar[str]

    def __init_subclass__(cls, **kwargs: Any):
        super().__init_subclass__(**kwargs)
        if "kind" in vars(cls):
            _KINDS[cls.kind] = cls

    @property
    @abc.abstractmethod
    def leaves(self) -> list["Leaf"]:
        """Parts of this space that describe one array each, in fixed order."""

    @property
    @abc.abstractmethod
    def leaf_paths(self) -> list[Path]:
        """Path to each leaf."""

    @abc.abstractmethod
    def flatten(self, value: object, name: str = "value") -> list[Any]:
        """Splits one value (or batch) of this space into its leaves.

        Args:
            value: Nest with the structure of the space. Its leaves are not
                checked.
            name: Name of the value in error messages. Defaults to `"value"`.

        Raises:
            ValueError: If `value` does not have the structure of the space.
                The message gives the path to the part that differs.
        """

    @abc.abstractmethod
    def pack(self, leaves: Sequence[object]) -> Any:
        """Builds a value from its leaves; the inverse of `flatten`."""

    @abc.abstractmethod
    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments as JSON values."""

    @abc.abstractmethod
    def to_gymnasium(self) -> "gymnasium.Space[Any]":
        """Returns the `gymnasium.spaces.Space` that this describes."""

    def clip_leaves(self, leaves: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Clips a batch of values of each leaf, see `Leaf.clip`."""
        return [
            leaf.clip(values)
            for leaf, values in zip(self.leaves, leaves, strict=True)
        ]

    @property
    def leaf_names(self) -> list[str]:
        """Names of a network's inputs for these leaves."""
        return self.name_leaves("observations")

    def name_leaves(self, root: str, *, prefix: bool = False) -> list[str]:
        """Returns a unique name per leaf that is valid in Python and Keras.

        A name joins the keys and indices of the path by underscores, as in
        `camera_left`. If the result is not a valid name, such as the index of
        a `Tuple`, `root` goes before it, as in `observations_0`.

        Args:
            root: Name of the whole value. The only leaf of a space has this
                name.
            prefix: Whether all names start with `root`. Defaults to `False`.
        """
        names: list[str] = []
        for path in self.leaf_paths:
            name = re.sub(r"\W", "_", "_".join(map(str, path)), flags=re.ASCII)
            valid = name[:1].isalpha() and not keyword.iskeyword(name)
            if prefix or not valid:
                name = f"{root}_{name}" if name else root
            names.append(name)
        # A number makes repeated names unique.
        unique: list[str] = []
        for name in names:
            number = 2
            candidate = name
            while candidate in unique or (
                candidate != name and candidate in names
            ):
                candidate = f"{name}_{number}"
                number += 1
            unique.append(candidate)
        return unique

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Space) and serialize(self) == serialize(other)

    def __hash__(self) -> int:
        return hash(repr(serialize(self)))

    def __repr__(self) -> str:
        config = self.get_config()
        arguments = ", ".join(f"{key}={config[key]!r}" for key in config)
        return f"{type(self).__name__}({arguments})"


class Leaf(Space):
    """A space with one array per value.

    Attributes:
        shape: Shape of one value.
        dtype: NumPy dtype of one value.
    """

    shape: tuple[int, ...]
    dtype: np.dtype

    @property
    def leaves(self) -> list["Leaf"]:
        return [self]

    @property
    def leaf_paths(self) -> list[Path]:
        return [()]

    def flatten(self, value: object, name: str = "value") -> list[Any]:
        return [value]

    def pack(self, leaves: Sequence[object]) -> Any:
        (value,) = leaves
        return value

    def clip(self, values: np.ndarray) -> np.ndarray:
        """Clips a batch of values to the bounds of a `Box`.

        Other spaces return the values unchanged.

        Args:
            values: `(N, *shape)`.
        """
        return values


def float_leaves(space: Space, values: object) -> list[Any]:
    """Returns the leaves of a value that hold floats.

    Args:
        space: The space.
        values: A value or a batch of values.
    """
    return [
        value
        for leaf, value in zip(space.leaves, space.flatten(values), strict=True)
        if np.issubdtype(leaf.dtype, np.floating)
    ]


def at(name: str, path: Path) -> str:
    """Returns the Python expression for the part of `name` at `path`."""
    return name + "".join(f"[{step!r}]" for step in path)


def supported() -> str:
    """Returns the supported kinds of space, for error messages."""
    return ", ".join(sorted(_KINDS))


def serialize(space: Space) -> dict[str, Any]:
    """Returns `space` as JSON values."""
    return {"kind": space.kind, **space.get_config()}


def deserialize(config: dict[str, Any]) -> Space:
    """Returns the space that `serialize` turned into `config`.

    `config` may come from an untrusted file, so its sizes are limited.

    Raises:
        ValueError: If `config` names an unknown kind of space, or its values
            have more than `MAX_SIZE` elements or choices.
    """
    arguments = dict(config)
    kind = arguments.pop("kind", None)
    if not isinstance(kind, str) or kind not in _KINDS:
        raise ValueError(
            f"`kind` of a space must be one of {supported()}. "
            f"Received: kind={kind!r}"
        )
    for name in ("shape", "n"):
        sizes = np.array(arguments.get(name) or 1, object)
        if math.prod(sizes.flat) > MAX_SIZE:
            raise ValueError(
                f"`{name}` of a saved {kind} must have at most {MAX_SIZE:,} "
                f"elements. Received: {name}={arguments[name]!r}"
            )
    nvec = np.array(arguments.get("nvec") or 1, object)
    # The size of a table with all choices of each element.
    if nvec.size * max(nvec.flat) > MAX_SIZE:
        raise ValueError(
            f"`nvec` of a saved {kind} must have at most {MAX_SIZE:,} "
            f"choices. Received: nvec={arguments['nvec']!r}"
        )
    return _KINDS[kind](**arguments)
