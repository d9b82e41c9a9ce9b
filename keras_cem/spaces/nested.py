"""Spaces made of other spaces."""

import reprlib
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from keras_cem.spaces.base import (
    Leaf,
    Path,
    Space,
    at,
    deserialize,
    serialize,
)

if TYPE_CHECKING:
    import gymnasium


class _Nested(Space):
    """A space of named or numbered parts.

    Attributes:
        parts: The space of each key or index, in the order of the leaves.
    """

    parts: dict[Any, Space]

    @property
    def leaves(self) -> list[Leaf]:
        return [leaf for part in self.parts.values() for leaf in part.leaves]

    @property
    def leaf_paths(self) -> list[Path]:
        return [
            (step, *path)
            for step, part in self.parts.items()
            for path in part.leaf_paths
        ]

    def flatten(self, value: object, name: str = "value") -> list[Any]:
        values = self._split(value, name)
        return [
            leaf
            for (step, part), inner in zip(
                self.parts.items(), values, strict=True
            )
            for leaf in part.flatten(inner, at(name, (step,)))
        ]

    def pack(self, leaves: Sequence[object]) -> Any:
        values: list[object] = []
        begin = 0
        for part in self.parts.values():
            end = begin + len(part.leaves)
            values.append(part.pack(leaves[begin:end]))
            begin = end
        return self._join(values)

    def _split(self, value: object, name: str) -> list[Any]:
        """Returns the values of the parts; refuses a value without them."""
        raise NotImplementedError

    def _join(self, values: list[object]) -> Any:
        """Builds a value from the values of the parts."""
        raise NotImplementedError


class Dict(_Nested):
    """Dictionaries with fixed keys.

    Args:
        spaces: The space of each key. The keys are sorted, as in gymnasium.
    """

    kind = "Dict"

    def __init__(self, spaces: Mapping[str, Space | dict[str, Any]]):
        if not isinstance(spaces, Mapping) or not spaces:
            raise ValueError(
                "`spaces` of a Dict must be a mapping with at least one key. "
                f"Received: spaces={spaces!r}"
            )
        for key in spaces:
            if not isinstance(key, str):
                raise TypeError(
                    "`spaces` of a Dict must have strings as keys. Received: "
                    f"key={key!r} of type {type(key).__name__}"
                )
        self.parts = {key: _space(spaces[key]) for key in sorted(spaces)}

    def get_config(self) -> dict[str, Any]:
        return {
            "spaces": {key: serialize(part) for key, part in self.parts.items()}
        }

    def to_gymnasium(self) -> "gymnasium.Space[Any]":
        import gymnasium

        return gymnasium.spaces.Dict(
            {key: part.to_gymnasium() for key, part in self.parts.items()}
        )

    def _split(self, value: object, name: str) -> list[Any]:
        if isinstance(value, Mapping) and value.keys() == self.parts.keys():
            return [value[key] for key in self.parts]
        received = (
            f"the keys {list(value)}"
            if isinstance(value, Mapping)
            else f"{reprlib.repr(value)} of type {type(value).__name__}"
        )
        raise ValueError(
            f"`{name}` must be a dictionary with the keys {list(self.parts)}. "
            f"Received: {received}"
        )

    def _join(self, values: list[object]) -> dict[str, Any]:
        return dict(zip(self.parts, values, strict=True))


class Tuple(_Nested):
    """Tuples of fixed length.

    Args:
        spaces: The space of each entry.
    """

    kind = "Tuple"

    def __init__(self, spaces: Iterable[Space | dict[str, Any]]):
        self.parts = dict(enumerate(_space(space) for space in spaces))
        if not self.parts:
            raise ValueError(
                "`spaces` of a Tuple must hold at least one space. "
                f"Received: spaces={spaces!r}"
            )

    def get_config(self) -> dict[str, Any]:
        return {"spaces": [serialize(part) for part in self.parts.values()]}

    def to_gymnasium(self) -> "gymnasium.Space[Any]":
        import gymnasium

        return gymnasium.spaces.Tuple(
            [part.to_gymnasium() for part in self.parts.values()]
        )

    def _split(self, value: object, name: str) -> list[Any]:
        if isinstance(value, (tuple, list)) and len(value) == len(self.parts):
            return list(value)
        received = (
            f"{len(value)} entries"
            if isinstance(value, (tuple, list))
            else f"{reprlib.repr(value)} of type {type(value).__name__}"
        )
        raise ValueError(
            f"`{name}` must be a tuple of {len(self.parts)} entries. "
            f"Received: {received}"
        )

    def _join(self, values: list[object]) -> tuple[Any, ...]:
        return tuple(values)


def _space(space: Space | dict[str, Any]) -> Space:
    return space if isinstance(space, Space) else deserialize(space)
