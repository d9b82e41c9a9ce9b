"""Metrics of what an iteration reports."""

import functools
from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf


class Latest(keras.metrics.Metric):
    """The latest value, exact for integers up to 2**53."""

    def __init__(self, name: str):
        super().__init__(name=name, dtype="float64")
        # A variable does not take the dtype of its metric (keras 3.15).
        self.value = self.add_variable(
            (), "zeros", dtype="float64", name="value"
        )

    def update_state(self, value: Any) -> None:
        self.value.assign(keras.ops.cast(value, "float64"))

    def result(self) -> Any:
        return keras.ops.convert_to_tensor(self.value)


class Mean(keras.metrics.Metric):
    """The mean, added up in float64.

    Keras' own adds in float32, where the sum of 10^6 returns of 500 is off.
    """

    def __init__(self, name: str):
        super().__init__(name=name, dtype="float64")
        self.total, self.count = (
            self.add_variable((), "zeros", dtype="float64", name=part)
            for part in ("total", "count")
        )

    def update_state(self, values: Any, sample_weight: Any = 1.0) -> None:
        values = keras.ops.cast(values, "float64")
        weights = keras.ops.cast(sample_weight, "float64")
        weights = keras.ops.broadcast_to(weights, keras.ops.shape(values))
        self.total.assign_add(keras.ops.sum(values * weights))
        self.count.assign_add(keras.ops.sum(weights))

    def result(self) -> Any:
        return keras.ops.divide_no_nan(self.total, self.count)


class Maximum(keras.metrics.Metric):
    """The largest value."""

    def __init__(self, name: str):
        super().__init__(name=name)
        self.value = self.add_variable((), "zeros", name="value")
        self.reset_state()

    def update_state(self, value: Any) -> None:
        self.value.assign(keras.ops.maximum(self.value, value))

    def result(self) -> Any:
        return keras.ops.convert_to_tensor(self.value)

    def reset_state(self) -> None:
        # Keras would reset it to 0, which returns may never reach.
        self.value.assign(-float("inf"))


class _Together:
    """Metrics that are reset and read in one call for all of them.

    One after the other, from Python, takes milliseconds.
    """

    def all(self) -> list[keras.metrics.Metric]:
        """All of them, in the order in which they were set."""
        return [
            value
            for value in vars(self).values()
            if isinstance(value, keras.metrics.Metric)
        ]

    def reset(self) -> None:
        """Resets them; not for inside of a compiled step."""
        self._reset()

    def results(self) -> dict[str, Any]:
        """Returns their results by name; not for inside of a compiled step."""
        return self._results()

    @functools.cached_property
    def _reset(self) -> Callable[[], None]:
        def reset() -> None:
            for metric in self.all():
                metric.reset_state()

        return tf.function(reset)

    @functools.cached_property
    def _results(self) -> Callable[[], dict[str, Any]]:
        return tf.function(
            lambda: {metric.name: metric.result() for metric in self.all()}
        )


class TrainMetrics(_Together):
    """What one epoch of iterations reports, under the names of History.

    Over an epoch of several iterations these are means, but for the largest
    return, for epsilon and the cumulative steps and restarts, which are the
    last, and for what was not finite, which is counted.
    """

    def __init__(self) -> None:
        self.loss = Mean("loss")
        self.episode_return = Mean("episode_return")
        self.episode_return_max = Maximum("episode_return_max")
        self.episode_length = Mean("episode_length")
        self.elite_threshold = Mean("elite_threshold")
        self.num_elites = Mean("num_elites")
        self.epsilon = Latest("epsilon")
        self.env_steps = Latest("env_steps")
        self.env_restarts = Latest("env_restarts")
        self.num_nonfinite = keras.metrics.Sum("num_nonfinite")


class TestMetrics(_Together):
    """What an evaluation reports."""

    def __init__(self) -> None:
        self.episode_return = Mean("episode_return")
        self.episode_length = Mean("episode_length")
