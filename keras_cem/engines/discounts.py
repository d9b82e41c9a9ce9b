"""The discount that trajectories are ranked with."""

from typing import Any

import tensorflow as tf


def constant(discount: float) -> tf.Tensor | None:
    """Returns the discount as a float64 scalar, or None if it is 1."""
    return None if discount == 1.0 else tf.constant(discount, tf.float64)


def weights(discount: Any, steps: Any) -> tf.Tensor:
    """Returns discount^t as float32, of int32 steps t."""
    return tf.cast(discount ** tf.cast(steps, tf.float64), tf.float32)
