"""A buffer with one checked observation per sub-environment."""

from typing import Any

import numpy as np
import numpy.typing as npt

from keras_cem import spaces
from keras_cem.engines.host import zero_copy
from keras_cem.engines.host.gymnasium_results import InterfaceError
from keras_cem.utils.nonfinite import finite_array_rows, finite_in_float32


class ObservationError(InterfaceError):
    """An observation does not fit the observation space."""


class ObservationBuffer:
    """The latest observation of each of N sub-environments.

    Args:
        space: The space of one observation.
        num_envs: N.

    Attributes:
        leaves: One array `(N, ...)` per leaf of the space.
        shape: Shape of an observation; None for a nested space.
        dtype: Dtype of an observation; None for a nested space.
        is_double: Whether there are floats that float32 may not hold.
    """

    def __init__(self, space: spaces.Space, num_envs: int):
        self._space = space
        self.leaves = [
            zero_copy.zeros((num_envs, *leaf.shape), leaf.dtype)
            for leaf in space.leaves
        ]
        single = isinstance(space, spaces.Leaf)
        # Stored, because the properties `leaves` and `leaf_paths` compute new
        # lists at each access.
        self._spaces, self._paths = space.leaves, space.leaf_paths
        self.shape = self._spaces[0].shape if single else None
        self.dtype = self._spaces[0].dtype if single else None
        self._is_category = self.shape == () and self.dtype == np.int64
        self._floats = [
            array
            for array in self.leaves
            if np.issubdtype(array.dtype, np.floating)
        ]
        self.is_double = any(array.dtype.itemsize > 4 for array in self._floats)
        self._ranges = [
            (index, array, *_range(leaf))
            for index, (array, leaf) in enumerate(
                zip(self.leaves, self._spaces, strict=True)
            )
            if isinstance(leaf, spaces.Integers)
        ]

    def write(self, slot: int, observation: object) -> None:
        """Stores the observation of one sub-environment.

        Raises:
            ObservationError: If it does not fit the space.
        """
        if (
            type(observation) is np.ndarray
            and observation.shape == self.shape
            and observation.dtype == self.dtype
        ):
            # The usual case in each step: a single array with the right shape
            # and dtype.
            self.leaves[0][slot] = observation
            return
        if (
            type(observation) is int
            and self._is_category
            and abs(observation) < 2**62
        ):
            # The usual case of a `Discrete` space.
            self.leaves[0][slot] = observation
            return
        for index, value in enumerate(self._flatten(observation)):
            self.leaves[index][slot] = self._checked(index, value)

    def write_rows(self, slots: list[int], rows: list[np.ndarray]) -> None:
        """Stores observations of some sub-environments.

        Args:
            slots: The slots, in ascending order.
            rows: One array of `shape` and `dtype` per slot.
        """
        (array,) = self.leaves
        if len(slots) == len(array) and array.ndim > 1:
            np.concatenate(rows, out=array.reshape(-1, *array.shape[2:]))
        else:
            array[slots] = rows

    def write_all(self, observations: object) -> None:
        """Stores a batch with one observation per sub-environment.

        Raises:
            ObservationError: If it does not fit the space.
        """
        for index, value in enumerate(self._flatten(observations)):
            array = self.leaves[index]
            array[...] = self._checked(index, value, array.shape[:1])

    def not_finite(self, slots: np.ndarray) -> np.ndarray:
        """Returns which of `slots` hold what is not finite in float32."""
        bad = None
        for array in self._floats:
            # Faster than `all`, which matters in each step.
            if np.count_nonzero(finite_in_float32(array)) < array.size:
                rows = ~finite_array_rows(array[slots])
                bad = rows if bad is None else bad | rows
        return slots[:0] if bad is None else slots[bad]

    def outside(self, slots: np.ndarray) -> tuple[int, str] | None:
        """Finds integer observations outside of their space.

        Args:
            slots: The slots to check.

        Returns:
            The first such slot and an error message, or None if all are inside.
        """
        for index, array, first, span in self._ranges:
            # Numbers below the first become large as unsigned numbers. So one
            # comparison is enough, which matters in each step.
            if not (_above(array, first) > span).any():
                continue
            wrong = _above(array[slots], first) > span
            if wrong.any():
                row, *place = np.argwhere(wrong)[0].tolist()
                slot = int(slots[row])
                return slot, self._refusal(index, array[slot], tuple(place))
        return None

    def _refusal(
        self, index: int, value: np.ndarray, place: tuple[int, ...]
    ) -> str:
        at = f" at index {place}" if place else ""
        return (
            f"`{spaces.at('observations', self._paths[index])}` must be in the "
            f"observation space, {self._spaces[index]}. "
            f"Received: {value[place]}{at}"
        )

    def _flatten(self, observations: object) -> list[Any]:
        try:
            return self._space.flatten(observations, "observations")
        except ValueError as error:
            raise ObservationError(str(error)) from None

    def _checked(
        self, index: int, value: npt.ArrayLike, batch: tuple[int, ...] = ()
    ) -> np.ndarray:
        """Returns the value of one leaf as an array, if it fits."""
        leaf, original = self._spaces[index], value
        try:
            value = np.asarray(value)
        except ValueError:
            # A nested list with parts of different shapes.
            value = np.asarray(value, object)
        # "same_kind" accepts float64 for a float32 space, which many
        # environments return. It refuses floats for integers, and objects.
        if value.shape == (*batch, *leaf.shape) and (
            value.dtype == leaf.dtype
            or np.can_cast(value.dtype, leaf.dtype, "same_kind")
        ):
            return self._unchanged(index, value)
        raise ObservationError(
            f"{spaces.at('observations', self._paths[index])} must have "
            f"shape {(*batch, *leaf.shape)} and dtype {leaf.dtype.name}, "
            "according to the observation space. Received: "
            f"shape={value.shape}, dtype={value.dtype}{_cure(original)}"
        )

    def _unchanged(self, index: int, value: np.ndarray) -> np.ndarray:
        """Refuses integers that a cast to a narrower dtype would change."""
        dtype = self._spaces[index].dtype
        if dtype.kind not in "iu" or np.can_cast(value.dtype, dtype):
            return value
        wrong = np.argwhere(value.astype(dtype) != value)
        if wrong.size:
            place = tuple(wrong[0].tolist())
            raise ObservationError(self._refusal(index, value, place))
        return value


def _range(leaf: spaces.Integers) -> tuple[Any, np.ndarray]:
    """The first integer (None for 0), and the unsigned number after it."""
    first = np.asarray(leaf.first, leaf.dtype)
    span = np.asarray(leaf.last, leaf.dtype) - first
    return (first if first.any() else None), _unsigned(np.asarray(span))


def _above(array: np.ndarray, first: np.ndarray | None) -> np.ndarray:
    """Unsigned distance of integers above the first of their space."""
    return _unsigned(array if first is None else array - first)


def _unsigned(array: np.ndarray) -> np.ndarray:
    return array.view(f"u{array.dtype.itemsize}")


def _cure(value: object) -> str:
    if (
        isinstance(value, tuple)
        and len(value) == 2
        and isinstance(value[1], dict)
    ):
        return (
            ". `reset` returns (observation, info): pass only the observation."
        )
    return ""
