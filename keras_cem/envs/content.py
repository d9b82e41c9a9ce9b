"""Cache keys that are equal only if environments behave the same."""

import dataclasses
import hashlib
import types
from collections.abc import Hashable, Iterable
from functools import cached_property
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_cem import spaces
from keras_cem.envs.base import Environment
from keras_cem.envs.code_reads import CodeReads, Same

# Types that are compared by type and value.
_ATOMS = frozenset({bool, int, str, bytes, type(None)})
# Values nested deeper than this, and cycles, are compared by identity.
_MOST_DEPTH = 32


# Methods and attributes of an environment that a compiled step uses.
_USED = (
    "action_space",
    "initial",
    "observation_space",
    "observe",
    "transition",
    "truncated",
)


def key_of(env: Environment[Any]) -> Hashable:
    """Returns a key for the content of an environment, for caches of steps.

    A compiled step contains the Python values and arrays of its environment as
    constants. The key holds the class by identity, all attributes of the
    instance, and the other values that its code reads: class attributes,
    globals and closures, see `code_reads.CodeReads`.

    Numbers, text, arrays (as a hash of their bytes), nests and dataclasses of
    these, spaces and environments are compared by content. Everything else,
    such as variables, functions and objects of unknown classes, is compared by
    identity. So two environments that are made in the same way share a key, and
    a changed attribute gives another key.

    The key leaves out values that the environment's code assigns while it is
    traced, such as a count of calls, and values that the code reads in other
    ways. After a change of such a value, call `compile` of the agent.

    Args:
        env: The environment.

    Returns:
        A hashable value.
    """
    return content_of(env, _USED)


def content_of(
    value: Any, used: Iterable[str], kinds: tuple[type, ...] = ()
) -> Hashable:
    """Returns a key for the content of an object, see `key_of`.

    Args:
        value: The object.
        used: Names of the methods and attributes that compiled code uses.
        kinds: More classes whose objects are compared by the content of their
            attributes, and by identity. Defaults to none.

    Returns:
        A hashable value.
    """
    content = _Content(tuple(used), kinds)
    content.add(value, 0)
    return tuple(content.tokens)


class _Content:
    """Tokens that identify a value. Lengths make them unambiguous.

    Args:
        used: As in `content_of`.
        kinds: As in `content_of`.
    """

    def __init__(self, used: tuple[str, ...], kinds: tuple[type, ...]):
        self.tokens: list[Any] = []
        self._used = used
        self._kinds = kinds
        self._numbers: dict[Same, int] = {}

    def add(self, value: Any, depth: int) -> None:
        """Appends the tokens of a value."""
        tokens, kind = self.tokens, type(value)
        if kind in _ATOMS:
            tokens.extend((kind, value))
        elif kind is float:
            # Unlike `==`, this distinguishes 0.0 from -0.0 and makes NaN equal
            # NaN.
            tokens.extend((kind, value.hex()))
        elif kind is Same or kind is types.CodeType:
            tokens.append(value)
        elif depth > _MOST_DEPTH:
            tokens.append(Same(value))
        elif kind is tuple or kind is list or _is_named_tuple(value):
            tokens.extend((kind, len(value)))
            for part in value:
                self.add(part, depth + 1)
        elif kind is dict:
            tokens.extend((kind, len(value)))
            for key, part in value.items():
                self.add(key, depth + 1)
                self.add(part, depth + 1)
        elif isinstance(value, (np.ndarray, np.generic, tf.Tensor)):
            self._add_array(value)
        elif isinstance(value, spaces.Space):
            tokens.append(kind)
            # Depth 0: the result is newly made and has no cycles.
            self.add(spaces.serialize(value), 0)
        elif isinstance(value, (Environment, *self._kinds)):
            self._add_environment(value, depth)
        elif isinstance(value, types.FunctionType):
            tokens.append(Same(value))
            reads = CodeReads()
            reads.add_function(value)
            self._add_named(reads.values(), depth)
        elif _is_plain(value):
            tokens.append(kind)
            self._add_named(list(_attributes(value).items()), depth)
        else:
            tokens.append(Same(value))

    def _add_environment(self, env: Any, depth: int) -> None:
        """Adds an environment with what its code reads, once."""
        known = Same(env)
        if known in self._numbers:
            self.tokens.append(self._numbers[known])
            return
        self._numbers[known] = len(self._numbers)
        self.tokens.append(known if isinstance(env, self._kinds) else type(env))
        reads = CodeReads(type(env))
        reads.add_attributes(self._used)
        attributes = [
            (name, value)
            for name, value in _attributes(env).items()
            if name not in reads.assigned
        ]
        self._add_named(attributes, depth)
        self._add_named(reads.values(), depth)

    def _add_named(self, values: list[tuple[str, Any]], depth: int) -> None:
        self.tokens.append(len(values))
        for name, value in values:
            self.tokens.append(name)
            self.add(value, depth + 1)

    def _add_array(self, value: Any) -> None:
        array = value
        if isinstance(value, tf.Tensor):
            array = value.numpy() if hasattr(value, "numpy") else None
        if array is None or array.dtype.hasobject:
            self.tokens.append(Same(value))
            return
        digest = hashlib.sha256(np.ascontiguousarray(array).tobytes()).digest()
        self.tokens.extend((type(value), array.dtype.str, array.shape, digest))


def _is_named_tuple(value: Any) -> bool:
    return isinstance(value, tuple) and hasattr(value, "_fields")


def _is_plain(value: Any) -> bool:
    """Whether the attributes of a value determine it."""
    if isinstance(value, (type, tf.Module, keras.Layer)):
        return False
    return isinstance(value, types.SimpleNamespace) or dataclasses.is_dataclass(
        value
    )


def _attributes(value: Any) -> dict[str, Any]:
    """Returns the attributes of an instance by name.

    Cached properties are left out, because they follow from the others.
    """
    kind = type(value)
    found = {
        name: part
        for name, part in getattr(value, "__dict__", {}).items()
        if not isinstance(getattr(kind, name, None), cached_property)
    }
    slots = (
        name
        for cls in kind.__mro__
        for name in _names(vars(cls).get("__slots__", ()))
        if hasattr(value, name) and not name.startswith("__")
    )
    return found | {name: getattr(value, name) for name in slots}


def _names(slots: Any) -> tuple[str, ...]:
    return (slots,) if isinstance(slots, str) else tuple(slots)
