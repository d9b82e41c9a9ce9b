"""Which of K trajectories are worth imitating."""

import tensorflow as tf

TIES = ("auto", "strict", "inclusive")


def threshold(returns: tf.Tensor, quantile: float) -> tf.Tensor:
    """Returns the quantile gamma_q of the returns.

    Interpolates linearly between order statistics, as `numpy.quantile` does.

    Args:
        returns: float tensor `(K,)`.
        quantile: q in (0, 1).

    Returns:
        Scalar of the same dtype.
    """
    ordered = tf.sort(returns)
    last = tf.shape(returns)[0] - 1
    # Not `tf.cast`, which would round a float to float32 first: 0.7 of ten
    # steps would end just below the seventh.
    position = tf.constant(quantile, tf.float64) * tf.cast(last, tf.float64)
    below = tf.cast(tf.floor(position), tf.int32)
    weight = tf.cast(position - tf.floor(position), returns.dtype)
    low = ordered[below]
    high = ordered[tf.minimum(below + 1, last)]
    # Both ends are met exactly, and between equal values nothing is rounded:
    # a return that ties with the threshold must compare equal to it.
    return tf.where(
        weight < 0.5,
        low + (high - low) * weight,
        high - (high - low) * (1.0 - weight),
    )


def mask(
    returns: tf.Tensor, gamma_q: tf.Tensor, ties: str = "auto"
) -> tf.Tensor:
    """Returns which trajectories are elite.

    Args:
        returns: float tensor `(K,)`.
        gamma_q: Scalar, the elite threshold.
        ties: `"strict"`, the lecture's G > gamma_q; `"inclusive"`,
            G >= gamma_q; or `"auto"`: strict, unless nothing exceeds the
            threshold though the returns differ, then inclusive. Nothing is
            elite when all returns are equal, but under `"inclusive"`.

    Returns:
        bool tensor `(K,)`. A return that is not finite is never elite.
    """
    finite = tf.math.is_finite(returns)
    strict = finite & (returns > gamma_q)
    inclusive = finite & (returns >= gamma_q)
    if ties == "strict":
        return strict
    if ties == "inclusive":
        return inclusive
    differ = tf.reduce_max(returns) > tf.reduce_min(returns)
    return tf.where(tf.reduce_any(strict), strict, inclusive & differ)
