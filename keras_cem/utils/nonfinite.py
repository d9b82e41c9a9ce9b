"""NaN and infinite values: their codes, their checks and their words."""

import enum
from collections.abc import Iterable
from typing import Any

import numpy as np
import tensorflow as tf

# Values of the option `on_nonfinite`.
RAISE, SKIP = "raise", "skip"
ON_NONFINITE = (RAISE, SKIP)

# Reward and return of a trajectory with a nonfinite value. Elites, means and
# statistics leave it out.
MARK = np.nan


class Fault(enum.IntEnum):
    """Where a nonfinite value was found, in the order of computation.

    One more fault is an observation outside of its space. Compiled steps look
    for it in environments that cannot be checked before. It is never skipped.

    Compiled steps hold the code as int32; 0 means that all values are finite.
    An episode ends at the first fault of its steps. An iteration with a fault
    of its update changes no weights.
    """

    # Of a step of an episode.
    OBSERVATION = 1
    OUTPUT = 2
    REWARD = 3
    OUTSIDE = 4
    # Of an update.
    LOSS = 5
    GRADIENT = 6
    WEIGHTS = 7
    VALUE = 8

    @property
    def in_update(self) -> bool:
        """Whether it is a fault of an update, not of an episode."""
        return self >= Fault.LOSS

    @property
    def what(self) -> str:
        """What is not finite, as the subject of a sentence with "is"."""
        return _WORDS[self]

    @property
    def wrong(self) -> str:
        """What is wrong with it, as the end of that sentence."""
        if self is Fault.OUTSIDE:
            return "outside of the observation space"
        return "not finite"


_WORDS = {
    Fault.OBSERVATION: "observation",
    Fault.OUTPUT: "policy's output",
    Fault.REWARD: "reward",
    Fault.OUTSIDE: "observation",
    Fault.LOSS: "loss",
    Fault.GRADIENT: "gradient",
    Fault.WEIGHTS: "weights or the optimizer's variables",
    Fault.VALUE: "critic's value",
}


def all_finite(tensors: Iterable[Any]) -> tf.Tensor:
    """Returns whether no float tensor holds a NaN or an infinity."""
    fine = [
        tf.reduce_all(tf.math.is_finite(tensor))
        for tensor in map(tf.convert_to_tensor, tensors)
        if tensor.dtype.is_floating
    ]
    return tf.reduce_all(tf.stack([True, *fine]))


def finite_rows(batch: Any) -> tf.Tensor:
    """Returns which rows hold neither NaN nor infinity.

    Args:
        batch: Nest of tensors `(N, ...)`, at least one of them of floats.
            Integers are always finite.

    Returns:
        bool tensor `(N,)`.
    """
    floats = [leaf for leaf in tf.nest.flatten(batch) if leaf.dtype.is_floating]
    fine = [
        tf.reduce_all(
            tf.math.is_finite(leaf), axis=list(range(1, leaf.shape.rank))
        )
        for leaf in floats
    ]
    return tf.reduce_all(tf.stack(fine), axis=0)


def finite_in_float32(array: np.ndarray) -> np.ndarray:
    """Returns which numbers of an array are finite in float32.

    Policies compute in float32, where larger numbers are infinite.
    """
    finite: np.ndarray = np.isfinite(array)
    if array.dtype.itemsize > 4:
        # Comparisons with NaN are false.
        finite = np.abs(array) <= np.finfo(np.float32).max
    return finite


def finite_array_rows(array: np.ndarray) -> np.ndarray:
    """Returns which rows `(N, ...)` are finite in float32, bool `(N,)`."""
    axes = tuple(range(1, array.ndim))
    finite: np.ndarray = np.all(finite_in_float32(array), axis=axes)
    return finite


def finite_returns(returns: Any) -> np.ndarray:
    """Returns the returns of trajectories without a nonfinite value."""
    array = np.asarray(returns)
    finite: np.ndarray = array[np.isfinite(array)]
    return finite


def first_faults(observations: Any, outputs: Any, rewards: Any) -> tf.Tensor:
    """Returns the first `Fault` of each row of a step, 0 if there is none.

    Args:
        observations: Nest of tensors `(N, ...)`.
        outputs: Nest of tensors `(N, ...)`, the policy's outputs.
        rewards: Tensor `(N,)`.

    Returns:
        int32 tensor `(N,)`.
    """
    faults = tf.constant(0)
    for fault, batch in (
        (Fault.REWARD, rewards),
        (Fault.OUTPUT, outputs),
        (Fault.OBSERVATION, observations),
    ):
        # Integers are finite.
        if any(leaf.dtype.is_floating for leaf in tf.nest.flatten(batch)):
            faults = tf.where(finite_rows(batch), faults, int(fault))
    return faults


def unmarked(values: tf.Tensor) -> tf.Tensor:
    """Returns which trajectories have no fault, given their returns."""
    return tf.math.is_finite(values)


def marked(values: tf.Tensor, faults: tf.Tensor) -> tf.Tensor:
    """Returns values with `MARK` where there is a fault.

    Args:
        values: Float tensor, such as the returns `(K,)`.
        faults: int32 tensor that broadcasts with `values`: a `Fault`, or 0.
    """
    return tf.where(tf.equal(faults, 0), values, MARK)
