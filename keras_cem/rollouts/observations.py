"""Buffers for one observation a sub-environment, checked as they are filled."""

from typing import Any

import numpy as np

from keras_cem import spaces
from keras_cem.rollouts import lending
from keras_cem.rollouts.interface import InterfaceError


class ObservationError(InterfaceError):
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
        single = isinstance(space, spaces.Leaf)
        # Kept, as `leaves` and `leaf_paths` are made anew each time.
        self._spaces, self._paths = space.leaves, space.leaf_paths
        self._shape = self._spaces[0].shape if single else None
        self._dtype = self._spaces[0].dtype if single else None
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
        for index, value in enumerate(self._flatten(observation)):
            self.leaves[index][slot] = self._checked(index, value)

    def write_all(self, observations: Any) -> None:
        """Takes over a batch with one observation a sub-environment."""
        for index, value in enumerate(self._flatten(observations)):
            array = self.leaves[index]
            array[...] = self._checked(index, value, array.shape[:1])

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

    def _flatten(self, observations: Any) -> list[Any]:
        try:
            return self._space.flatten(observations, "observations")
        except ValueError as error:
            raise ObservationError(str(error)) from None

    def _checked(
        self, index: int, value: Any, batch: tuple[int, ...] = ()
    ) -> np.ndarray:
        """Returns the value of one leaf as an array, if it fits."""
        leaf, original = self._spaces[index], value
        try:
            value = np.asarray(value)
        except ValueError:
            # Of parts of several shapes.
            value = np.asarray(value, object)
        # "same_kind" lets float64 through to a float32 space, which many
        # environments return, and neither floats to integers nor objects.
        if value.shape == (*batch, *leaf.shape) and (
            value.dtype == leaf.dtype
            or np.can_cast(value.dtype, leaf.dtype, "same_kind")
        ):
            return value
        raise ObservationError(
            f"{spaces.at('observations', self._paths[index])} must have shape "
            f"{(*batch, *leaf.shape)} and dtype {leaf.dtype.name}, as the "
            "observation space says. "
            f"Received: shape={value.shape}, dtype={value.dtype}"
            f"{_cure(original)}"
        )


def _cure(value: Any) -> str:
    if (
        isinstance(value, tuple)
        and len(value) == 2
        and isinstance(value[1], dict)
    ):
        return ". `reset` returns (observation, info): give the first of them."
    return ""
