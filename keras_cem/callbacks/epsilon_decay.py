"""Reduces epsilon during training."""

import math
from collections.abc import Callable
from typing import Any

import keras

from keras_cem.schedules import HarmonicDecay
from keras_cem.utils import checks


class EpsilonDecay(keras.callbacks.Callback):
    """Sets the agent's epsilon from a schedule before each iteration.

    The schedule is a function of the number of iterations done by the agent
    since it was made. So a saved agent continues where it stopped, whatever
    `initial_epoch` and `steps_per_epoch` are. The schedule overwrites values
    that other callbacks assign to `agent.epsilon`.

    Args:
        schedule: A `keras.optimizers.schedules.LearningRateSchedule`, or any
            function of the number of iterations done. Defaults to
            `HarmonicDecay()`: 1/n in iteration n = 1, 2, ...
        minimum: Lower bound of epsilon. Defaults to `0.0`.

    Raises:
        ValueError: If `minimum` is negative or not finite. During `fit`, if
            `schedule` does not return a finite number.
        TypeError: If `schedule` is not callable, or `minimum` is not a number.
    """

    def __init__(
        self,
        schedule: Callable[[Any], Any] | None = None,
        minimum: float = 0.0,
    ):
        super().__init__()
        self.schedule = HarmonicDecay() if schedule is None else schedule
        self.minimum = minimum
        if not callable(self.schedule):
            raise TypeError(
                "`schedule` must be a function of the number of finished "
                f"iterations. Received: schedule={schedule!r} of type "
                f"{type(schedule).__name__}"
            )
        checks.number(0, minimum=minimum)

    def on_train_begin(self, logs: Any = None) -> None:
        """Makes the agent follow this schedule until `fit` ends."""
        follow = getattr(self.model, "follow_epsilon", None)
        if follow is None:
            raise TypeError(
                "`EpsilonDecay` must be used with a `CEMAgent`. "
                f"Received: model={self.model!r}"
            )
        follow(self._epsilon)

    def _epsilon(self, iterations: int) -> float:
        given = self.schedule(iterations)
        try:
            value = float(given)
        except (TypeError, ValueError):
            value = math.nan
        if not math.isfinite(value):
            raise ValueError(
                "`schedule` must return a finite number. "
                f"Received: schedule({iterations})={given!r}"
            )
        return max(value, self.minimum)
