"""Options that are a number, or a schedule of it over iterations."""

import dataclasses
from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf

from keras_cem import checks

Schedule = keras.optimizers.schedules.LearningRateSchedule


@dataclasses.dataclass(frozen=True)
class Scheduled:
    """What an option may be.

    Attributes:
        name: Of the option.
        interval: What it must be in, in words.
        accepts: Whether a number is in it.
    """

    name: str
    interval: str
    accepts: Callable[[float], bool]

    def check(self, value: Any) -> None:
        """Refuses what the option cannot be.

        Args:
            value: A number, or a schedule over iterations.

        Raises:
            ValueError: If it is out of range, for a schedule in its first
                iteration.
            TypeError: If it is of another kind.
        """
        if isinstance(value, Schedule):
            self.check_scheduled(value, 0)
            return
        if callable(value):
            raise TypeError(
                f"`{self.name}` must be a number, or a "
                "`keras.optimizers.schedules.LearningRateSchedule`, which can "
                f"be saved with the agent. Received: {self.name}={value!r} of "
                f"type {type(value).__name__}"
            )
        checks.number(**{self.name: value})
        if not self.accepts(value):
            raise ValueError(
                f"`{self.name}` must be in {self.interval}. "
                f"Received: {self.name}={value}"
            )

    def check_scheduled(self, value: Any, iterations: int) -> None:
        """Refuses what a schedule takes out of range.

        Args:
            value: A number, of which nothing is checked, or a schedule.
            iterations: How many were done.

        Raises:
            ValueError: With the value.
        """
        if not isinstance(value, Schedule):
            return
        number = float(value(iterations))
        if not self.accepts(number):
            raise ValueError(
                f"`{self.name}` must return values in {self.interval}. "
                f"Received: {self.name}({iterations})={number}"
            )


DISCOUNT = Scheduled("discount", "(0, 1]", lambda value: 0 < value <= 1)
ELITE_QUANTILE = Scheduled(
    "elite_quantile", "(0, 1)", lambda value: 0 < value < 1
)
OPTIONS = (DISCOUNT, ELITE_QUANTILE)


def check_iteration(agent: Any, iterations: int) -> None:
    """Refuses an iteration that a schedule has no fitting value for.

    Args:
        agent: Whose options they are.
        iterations: How many were done.

    Raises:
        ValueError: With the value.
    """
    for option in OPTIONS:
        option.check_scheduled(getattr(agent, option.name), iterations)


def plain(value: Any) -> Any:
    """Returns a schedule as it is, and a number as one of Python's."""
    return value if isinstance(value, Schedule) else float(value)


def current(value: Any, iterations: Any) -> tf.Tensor:
    """Returns the option in an iteration; works in graphs.

    Args:
        value: A number or a schedule.
        iterations: int64 scalar, how many were done.

    Returns:
        float64 scalar.
    """
    if isinstance(value, Schedule):
        return tf.cast(value(iterations), tf.float64)
    return tf.constant(value, tf.float64)


def get_config(value: Any) -> Any:
    """Returns it as JSON takes it."""
    if isinstance(value, Schedule):
        return keras.saving.serialize_keras_object(value)
    return value


def from_config(config: Any) -> Any:
    """Returns what `get_config` was given."""
    if isinstance(config, dict):
        return keras.saving.deserialize_keras_object(config)
    return config
