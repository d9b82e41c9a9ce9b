"""Buffers for one observation a sub-environment, checked as they are filled."""

from typing import Any

import numpy as np

from keras_cem import spaces
from keras_cem.rollouts import lending


class ObservationError(ValueError):
    """An observation does not fit the observation space."""


class ObservationBuffer:
    """The latest observation of each of N sub-environments.

    Args:
        space: The space of one observation.
        num_envs: N.

    Attributes:
        leaves: One array `(N, ...)` for each leaf of the space.
    """

    def __init__(self, space: spaces.Space, num_envs: int):
        self._space = space
        self.leaves = [
            lending.zeros((num_envs, *leaf.shape), leaf.dtype)
            for leaf in space.leaves
        ]
        single = isinstance(space, spaces.Box)
        self._shape = space.shape if single else None
        self._dtype = space.dtype if single else None
        self._floats = [
            array
            for array in self.leaves
            if np.issubdtype(array.dtype, np.floating)
        ]

    def write(self, slot: int, observation: Any) -> None:
        """Takes over one sub-environment's observation."""
        if (
            type(observation) is np.ndarray
            and observation.shape == self._shape
            and observation.dtype == self._dtype
        ):
            # The usual case, once a step: a single array as it should be.
            self.leaves[0][slot] = observation
            return
        values = self._space.flatten(observation)
        for array, leaf, value in zip(
            self.leaves, self._space.leaves, values, strict=True
        ):
            value = np.asarray(value)
            _check(value, leaf, leaf.shape)
            array[slot] = value

    def write_all(self, observations: Any) -> None:
        """Takes over a batch with one observation a sub-environment."""
        values = self._space.flatten(observations)
        for array, leaf, value in zip(
            self.leaves, self._space.leaves, values, strict=True
        ):
            value = np.asarray(value)
            _check(value, leaf, array.shape)
            array[...] = value

    def not_finite(self, slots: np.ndarray) -> np.ndarray:
        """Returns which of `slots` hold a NaN or an infinity."""
        bad = np.zeros(len(slots), bool)
        for array in self._floats:
            if np.isfinite(array).all():
                continue
            finite = np.isfinite(array[slots])
            if not finite.all():
                bad |= ~finite.reshape(len(slots), -1).all(axis=1)
        return slots[bad]


def _check(
    value: np.ndarray, leaf: spaces.Space, shape: tuple[int, ...]
) -> None:
    # "same_kind" lets float64 through to a float32 space, which many
    # environments return, and neither floats to integers nor objects.
    if value.shape == shape and (
        value.dtype == leaf.dtype
        or np.can_cast(value.dtype, leaf.dtype, "same_kind")
    ):
        return
    raise ObservationError(
        f"observations must have shape {shape} and dtype {leaf.dtype.name}, "
        "as the observation space says. "
        f"Received: shape={value.shape}, dtype={value.dtype}"
    )
