"""Schedules of epsilon over iterations.

A schedule is a function of the number of iterations done so far. Every
`keras.optimizers.schedules.LearningRateSchedule` is one.
"""

from typing import Any

import keras

from keras_cem.utils import checks


@keras.saving.register_keras_serializable("keras_cem")
class HarmonicDecay(keras.optimizers.schedules.LearningRateSchedule):
    """The lecture's schedule: `initial_value / n` in iteration n = 1, 2, ...

    Args:
        initial_value: Value in the first iteration, at least 0. Defaults to
            `1.0`.

    Example:

    >>> schedule = HarmonicDecay()
    >>> [round(float(schedule(step)), 2) for step in range(4)]
    [1.0, 0.5, 0.33, 0.25]
    """

    def __init__(self, initial_value: float = 1.0, name: str = "HarmonicDecay"):
        checks.number(0, initial_value=initial_value)
        super().__init__()
        self.initial_value = initial_value
        self.name = name

    def __call__(self, step: Any) -> Any:
        """Returns the value after `step` iterations, a float32 scalar."""
        done = keras.ops.cast(step, "float32")
        return self.initial_value / (done + 1.0)

    def get_config(self) -> dict[str, Any]:
        return {"initial_value": self.initial_value, "name": self.name}
