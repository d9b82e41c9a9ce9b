"""The discount that trajectories are ranked with: a number or a schedule."""

from typing import Any

import keras
import tensorflow as tf

from keras_cem import checks

Schedule = keras.optimizers.schedules.LearningRateSchedule


def check(discount: Any) -> None:
    """Refuses what no discount can be.

    Args:
        discount: A number in (0, 1], or a schedule of such over iterations.

    Raises:
        ValueError: If it is out of range, for a schedule in its first
            iteration.
        TypeError: If it is of another kind.
    """
    if isinstance(discount, Schedule):
        check_scheduled(discount, 0)
        return
    if callable(discount):
        raise TypeError(
            "`discount` must be a number, or a "
            "`keras.optimizers.schedules.LearningRateSchedule`, which can be "
            f"saved with the agent. Received: discount={discount!r} of type "
            f"{type(discount).__name__}"
        )
    checks.number(discount=discount)
    if not 0 < discount <= 1:
        raise ValueError(
            f"`discount` must be in (0, 1]. Received: discount={discount}"
        )


def check_scheduled(discount: Any, iterations: int) -> None:
    """Refuses a discount that a schedule takes out of its range.

    Args:
        discount: A number, of which nothing is checked, or a schedule.
        iterations: How many were done.

    Raises:
        ValueError: With the value.
    """
    if not isinstance(discount, Schedule):
        return
    value = float(discount(iterations))
    if not 0 < value <= 1:
        raise ValueError(
            "`discount` must return values in (0, 1]. "
            f"Received: discount({iterations})={value}"
        )


def current(discount: Any, iterations: Any) -> tf.Tensor | None:
    """Returns the discount of an iteration; works in graphs.

    Args:
        discount: A number or a schedule.
        iterations: int64 scalar, how many were done.

    Returns:
        float64 scalar; None if it is 1 for good, and nothing is discounted.
    """
    if isinstance(discount, Schedule):
        return tf.cast(discount(iterations), tf.float64)
    return None if discount == 1.0 else tf.constant(discount, tf.float64)


def weights(discount: Any, steps: Any) -> tf.Tensor:
    """Returns discount^t as float32, of int32 steps t."""
    return tf.cast(discount ** tf.cast(steps, tf.float64), tf.float32)


def get_config(discount: Any) -> Any:
    """Returns it as JSON takes it."""
    if isinstance(discount, Schedule):
        return keras.saving.serialize_keras_object(discount)
    return discount


def from_config(config: Any) -> Any:
    """Returns what `get_config` was given."""
    if isinstance(config, dict):
        return keras.saving.deserialize_keras_object(config)
    return config
