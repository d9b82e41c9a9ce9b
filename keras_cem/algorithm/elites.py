"""Selection of the elite trajectories."""

import numpy as np
import tensorflow as tf

from keras_cem.engines.trajectories import Chosen
from keras_cem.utils.tensors import Array, Number

TIES = ("auto", "strict", "inclusive")


def threshold(returns: Array, quantile: Number) -> tf.Tensor:
    """Returns the quantile gamma_q of the returns.

    Interpolates linearly between order statistics, as `numpy.quantile` does.

    Args:
        returns: float tensor or array `(..., K)`. Nonfinite returns are
            ignored.
        quantile: q in (0, 1), a number or a float64 scalar.

    Returns:
        Tensor `(...)` of the same dtype with one threshold per row. It is not
        finite if the row has no finite return.
    """
    returns = _floats(returns)
    finite = tf.math.is_finite(returns)
    ordered = tf.sort(tf.where(finite, returns, np.inf))
    last = tf.maximum(tf.reduce_sum(tf.cast(finite, tf.int32), -1) - 1, 0)
    # Not `tf.cast`, which would first round a Python float to float32: 0.7 of
    # ten would then be slightly below 7.
    if not tf.is_tensor(quantile):
        quantile = tf.constant(quantile, tf.float64)
    position = quantile * tf.cast(last, tf.float64)
    below = tf.cast(tf.floor(position), tf.int32)
    weight = tf.cast(position - tf.floor(position), returns.dtype)
    rows = returns.shape.rank - 1
    low = tf.gather(ordered, below, axis=-1, batch_dims=rows)
    above = tf.minimum(below + 1, last)
    high = tf.gather(ordered, above, axis=-1, batch_dims=rows)
    # This is exact at both ends and between equal values: a return that ties
    # with the threshold must compare equal to it.
    return tf.where(
        weight < 0.5,
        low + (high - low) * weight,
        high - (high - low) * (1.0 - weight),
    )


def mask(returns: Array, gamma_q: Array, ties: str = "auto") -> tf.Tensor:
    """Returns the mask of the elite trajectories.

    Args:
        returns: float tensor or array `(..., K)`.
        gamma_q: `(...)`, the elite threshold of each row.
        ties: `"strict"` is the lecture's G > gamma_q. `"inclusive"` is
            G >= gamma_q. `"auto"` is strict, and switches to inclusive in a row
            where no return exceeds the threshold although the returns differ.
            If all returns are equal, only `"inclusive"` has elites.

    Returns:
        bool tensor `(..., K)`. A nonfinite return is never elite.
    """
    returns = _floats(returns)
    gamma_q = tf.convert_to_tensor(gamma_q, returns.dtype)[..., tf.newaxis]
    finite = tf.math.is_finite(returns)
    strict = finite & (returns > gamma_q)
    inclusive = finite & (returns >= gamma_q)
    if ties == "strict":
        return strict
    if ties == "inclusive":
        return inclusive
    most = tf.reduce_max(tf.where(finite, returns, -np.inf), -1, keepdims=True)
    least = tf.reduce_min(tf.where(finite, returns, np.inf), -1, keepdims=True)
    some = tf.reduce_any(strict, axis=-1, keepdims=True)
    return tf.where(some, strict, inclusive & (most > least))


def select(
    returns: Array,
    quantile: Number,
    ties: str = "auto",
    *,
    per_start: int = 1,
    per_policy: int | None = None,
) -> Chosen:
    """Returns thresholds and elites of the trajectories of an iteration.

    Args:
        returns: float tensor or array `(K,)`.
        quantile: q in (0, 1), a number or a float64 scalar.
        ties: As in `mask`. Defaults to `"auto"`.
        per_start: m, the group size. With m > 1, each of the K / m groups has
            its own quantile and ties. Defaults to `1`: no groups.
        per_policy: m, the group size. The groups are ranked by their mean
            returns, and all trajectories of an elite group are elite. Defaults
            to `None`: no groups.

    Returns:
        gamma_q, a scalar, or `(K / m,)` with `per_start`; and the elite mask,
        a bool tensor `(K,)`.

    Example:

    >>> gamma_q, elite = select([1.0, 2.0, 3.0, 4.0, 5.0], 0.6)
    >>> round(float(gamma_q), 2), elite.numpy().tolist()
    (3.4, [False, False, False, True, True])
    """
    returns = _floats(returns)
    size = tf.shape(returns)[0]
    if per_start > 1:
        returns = tf.reshape(returns, (-1, per_start))
    if per_policy is not None:
        returns = tf.reduce_mean(tf.reshape(returns, (-1, per_policy)), axis=1)
    gamma_q = threshold(returns, quantile)
    elite = mask(returns, gamma_q, ties)
    if per_policy is not None:
        elite = tf.repeat(elite, per_policy)
    return Chosen(gamma_q, tf.reshape(elite, (size,)))


def _floats(returns: Array) -> tf.Tensor:
    """Returns a float tensor, unchanged if it is one."""
    returns = tf.convert_to_tensor(returns)
    if returns.dtype.is_floating:
        return returns
    return tf.cast(returns, tf.float32)
