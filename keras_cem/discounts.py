"""The discount that trajectories are ranked with."""

from typing import Any

import tensorflow as tf

from keras_cem import scheduled


def current(discount: Any, iterations: Any) -> tf.Tensor | None:
    """Returns the discount of an iteration; works in graphs.

    Args:
        discount: A number or a schedule.
        iterations: int64 scalar, how many were done.

    Returns:
        float64 scalar; None if it is 1 for good, and nothing is discounted.
    """
    never = not isinstance(discount, scheduled.Schedule) and discount == 1.0
    return None if never else scheduled.current(discount, iterations)


def weights(discount: Any, steps: Any) -> tf.Tensor:
    """Returns discount^t as float32, of int32 steps t."""
    return tf.cast(discount ** tf.cast(steps, tf.float64), tf.float32)
