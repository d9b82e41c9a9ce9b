"""Metrics that `fit` and `evaluate` report on environments."""

import functools
from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf


class Latest(keras.metrics.Metric):
    """The latest value, exact for integers up to 2**53."""

    def __init__(self, name: str):
        super().__init__(name=name, dtype="float64")
        # A variable does not inherit the metric's dtype (keras 3.15).
        self.value = self.add_variable(
            (), "zeros", dtype="float64", name="value"
        )

    def update_state(self, value: Any) -> None:
        self.value.assign(keras.ops.cast(value, "float64"))

    def result(self) -> Any:
        return keras.ops.convert_to_tensor(self.value)


class Mean(keras.metrics.Metric):
    """The mean, summed in float64.

    Keras sums in float32, which is inexact for 10^6 returns of 500.
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
        # Keras would reset it to 0, but all returns may be negative.
        self.value.assign(-float("inf"))


class _Together:
    """Metrics that are reset together and read together, in one call.

    Separate calls from Python take milliseconds.
    """

    def all(self) -> list[keras.metrics.Metric]:
        """Returns all metrics, in the order in which they were set."""
        return [
            value
            for value in vars(self).values()
            if isinstance(value, keras.metrics.Metric)
        ]

    def reset(self) -> None:
        """Resets all metrics; must not be called inside a compiled step."""
        self._reset()

    def results(self) -> dict[str, Any]:
        """Returns the results by name; not allowed inside a compiled step."""
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
    """Training metrics of an epoch, under their names in History.

    Most are means over the iterations of the epoch. `episode_return_max` is the
    maximum. `epsilon`, `env_steps` and `env_restarts` are the latest values.
    `num_nonfinite` is a sum.
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
    """Metrics of an evaluation."""

    def __init__(self) -> None:
        self.episode_return = Mean("episode_return")
        self.episode_length = Mean("episode_length")
