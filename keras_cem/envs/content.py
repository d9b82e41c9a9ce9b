"""Keys that are equal only if environments behave the same."""

import dataclasses
import hashlib
import types
from collections.abc import Hashable
from functools import cached_property
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_cem import spaces
from keras_cem.envs.base import Environment

# Types that are compared by type and value.
_ATOMS = frozenset({bool, int, str, bytes, type(None)})
# Values nested deeper than this are compared by identity, and so are cycles.
_MOST_DEPTH = 32


class _Same:
    """Compares an object by identity.

    It keeps the object alive, so that no later object gets its id.
    """

    def __init__(self, value: Any):
        self.value = value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and self.value is other.value

    def __hash__(self) -> int:
        return id(self.value)


def key_of(env: Environment[Any]) -> Hashable:
    """Returns a key of what an environment is, for caches of compiled steps.

    A compiled step has the Python values and the arrays of its environment
    built in. The key holds the class, by identity, and all attributes of the
    instance: numbers, text, arrays (as a hash of all their bytes), nests and
    dataclasses of these, spaces and environments, by content; anything else,
    such as variables, functions and objects of unknown classes, by identity. So
    two environments made in the same way share a key, and an attribute that is
    assigned anew makes another. What is assigned to the class, such as a count
    of calls, does not; after that, call `compile` of the agent.

    Args:
        env: The environment.

    Returns:
        A hashable value.
    """
    tokens: list[Any] = []
    _add(tokens, env, 0)
    return tuple(tokens)


def _add(tokens: list[Any], value: Any, depth: int) -> None:
    """Appends tokens that identify a value; lengths make them unambiguous."""
    kind = type(value)
    if kind in _ATOMS:
        tokens.extend((kind, value))
    elif kind is float:
        # Unlike `==`, this distinguishes 0.0 from -0.0 and makes NaN equal NaN.
        tokens.extend((kind, value.hex()))
    elif depth > _MOST_DEPTH:
        tokens.append(_Same(value))
    elif kind is tuple or kind is list or _is_named_tuple(value):
        tokens.extend((kind, len(value)))
        for part in value:
            _add(tokens, part, depth + 1)
    elif kind is dict:
        tokens.extend((kind, len(value)))
        for key, part in value.items():
            _add(tokens, key, depth + 1)
            _add(tokens, part, depth + 1)
    elif isinstance(value, (np.ndarray, np.generic, tf.Tensor)):
        _add_array(tokens, value)
    elif isinstance(value, spaces.Space):
        tokens.append(kind)
        # Depth 0: the result is newly made and has no cycles.
        _add(tokens, spaces.serialize(value), 0)
    elif _is_plain(value):
        attributes = _attributes(value)
        tokens.extend((kind, len(attributes)))
        for name, part in attributes.items():
            tokens.append(name)
            _add(tokens, part, depth + 1)
    else:
        tokens.append(_Same(value))


def _add_array(tokens: list[Any], value: Any) -> None:
    array = value
    if isinstance(value, tf.Tensor):
        array = value.numpy() if hasattr(value, "numpy") else None
    if array is None or array.dtype.hasobject:
        tokens.append(_Same(value))
        return
    digest = hashlib.sha256(np.ascontiguousarray(array).tobytes()).digest()
    tokens.extend((type(value), array.dtype.str, array.shape, digest))


def _is_named_tuple(value: Any) -> bool:
    return isinstance(value, tuple) and hasattr(value, "_fields")


def _is_plain(value: Any) -> bool:
    """Whether the attributes of a value determine it."""
    if isinstance(value, (type, tf.Module, keras.Layer)):
        return False
    return isinstance(value, (Environment, types.SimpleNamespace)) or (
        dataclasses.is_dataclass(value)
    )


def _attributes(value: Any) -> dict[str, Any]:
    """Returns the attributes of an instance by name.

    What is computed from the others is left out, whether or not it was asked
    for before.
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
