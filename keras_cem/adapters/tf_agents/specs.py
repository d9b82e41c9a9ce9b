"""Converts between TF-Agents' specs and `keras_cem.spaces`.

A spec is a nest of `ArraySpec`s; a space is a nest of `Dict` and `Tuple`.
Leaves have the same shapes, dtypes and order in both.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf
from tf_agents.specs import array_spec, tensor_spec

from keras_cem import spaces


class Side:
    """The spec of observations or of actions, with the matching space.

    Args:
        spec: Nest of array or tensor specs.
        name: Name of the spec in error messages.
        acts: Whether the spec describes actions; otherwise observations.

    Attributes:
        spec: Nest of array specs.
        space: The matching space.

    Raises:
        ValueError: If `spec` is not a nest of specs, or a spec in it has no
            matching space.
    """

    def __init__(self, spec: Any, name: str, *, acts: bool):
        for leaf in tf.nest.flatten(spec):
            if not isinstance(leaf, (array_spec.ArraySpec, tf.TensorSpec)):
                raise ValueError(
                    f"`{name}` must be a spec or a nest of specs. Received: "
                    f"{leaf!r} of type {type(leaf).__name__} in the nest"
                )
        self.spec = tensor_spec.to_array_spec(spec)
        self.space = _space(self.spec, name, _action if acts else _observation)
        self._single = not tf.nest.is_nested(self.spec)

    def to_space(self, value: Any) -> Any:
        """Returns a value or a batch in the structure of the space."""
        if self._single:
            return value
        return self.space.pack(tf.nest.flatten(value))

    def to_spec(self, value: Any) -> Any:
        """Returns a value or a batch in the structure of the spec."""
        if self._single:
            return value
        return tf.nest.pack_sequence_as(self.spec, self.space.flatten(value))


def from_space(space: spaces.Space, name: str) -> Any:
    """Returns the nest of `BoundedArraySpec`s for a space.

    Args:
        space: A description of a space.
        name: Name of the spec, and prefix of the names of its parts.
    """
    if isinstance(space, spaces.Dict):
        return {
            key: from_space(part, f"{name}/{key}")
            for key, part in space.parts.items()
        }
    if isinstance(space, spaces.Tuple):
        return tuple(
            from_space(part, f"{name}/{key}")
            for key, part in space.parts.items()
        )
    (leaf,) = space.leaves
    if isinstance(leaf, spaces.Integers):
        low, high = leaf.first, leaf.last
    elif isinstance(leaf, spaces.Box):
        low, high = leaf.low, leaf.high
    return array_spec.BoundedArraySpec(leaf.shape, leaf.dtype, low, high, name)


def _space(spec: Any, name: str, convert: Any) -> spaces.Space:
    if isinstance(spec, array_spec.ArraySpec):
        return convert(spec, name)
    if isinstance(spec, Mapping):
        return spaces.Dict(
            {
                key: _space(part, f"{name}[{key!r}]", convert)
                for key, part in spec.items()
            }
        )
    return spaces.Tuple(
        _space(part, f"{name}[{index}]", convert)
        for index, part in enumerate(spec)
    )


def _action(spec: Any, name: str) -> spaces.Space:
    if np.issubdtype(spec.dtype, np.floating):
        return _box(spec)
    if not np.issubdtype(spec.dtype, np.integer):
        raise _refused(spec, name)
    bounds = _finite_range(spec)
    if bounds is None:
        raise ValueError(
            f"`{name}` must be bounded, because the policy has one output "
            f"per action. Received: {name}={spec!r}. Use a "
            "`BoundedArraySpec` with the smallest and the largest action."
        )
    low, high = bounds
    if spec.shape == ():
        return spaces.Discrete(int(high) - int(low) + 1, int(low), spec.dtype)
    return spaces.MultiDiscrete(high - low + 1, low, spec.dtype)


def _observation(spec: Any, name: str) -> spaces.Space:
    if np.issubdtype(spec.dtype, np.floating):
        return _box(spec)
    if not np.issubdtype(spec.dtype, np.integer):
        raise _refused(spec, name)
    bounds = _finite_range(spec)
    if spec.shape == () and bounds is not None:
        low, high = (int(bound) for bound in bounds)
        return spaces.Discrete(high - low + 1, low, spec.dtype)
    return _box(spec)


def _finite_range(spec: Any) -> tuple[np.ndarray, np.ndarray] | None:
    """Returns the bounds, int64 of the spec's shape; None if unbounded."""
    if not isinstance(spec, array_spec.BoundedArraySpec):
        return None
    limits = np.iinfo(spec.dtype)
    open_below = limits.min < 0 and np.any(spec.minimum == limits.min)
    open_above = np.any(spec.maximum == limits.max)
    if spec.dtype.itemsize > 2 and (open_below or open_above):
        return None
    low = np.broadcast_to(spec.minimum, spec.shape).astype(np.int64)
    high = np.broadcast_to(spec.maximum, spec.shape).astype(np.int64)
    return low, high


def _box(spec: Any) -> spaces.Box:
    floats = np.issubdtype(spec.dtype, np.floating)
    limits = np.finfo(spec.dtype) if floats else np.iinfo(spec.dtype)
    low, high = limits.min, limits.max
    if isinstance(spec, array_spec.BoundedArraySpec):
        low, high = spec.minimum, spec.maximum
    low = np.broadcast_to(low, spec.shape)
    high = np.broadcast_to(high, spec.shape)
    if floats:
        # Bounded specs store the largest float instead of infinity.
        low = np.where(low == limits.min, -np.inf, low)
        high = np.where(high == limits.max, np.inf, high)
    return spaces.Box(low, high, spec.shape, spec.dtype)


def _refused(spec: Any, name: str) -> ValueError:
    return ValueError(
        f"`{name}` must have an integer or float dtype. Received: "
        f"{name}={spec!r}"
    )
