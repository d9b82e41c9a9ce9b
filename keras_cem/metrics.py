"""Metrics of what an iteration reports."""

from typing import Any

import keras


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


class TrainMetrics:
    """What one epoch of iterations reports, under the names of History.

    Over an epoch of several iterations these are means, but for the largest
    return, for epsilon and the cumulative steps and restarts, which are the
    last, and for what was not finite, which is counted.
    """

    def __init__(self) -> None:
        mean = keras.metrics.Mean
        self.loss = mean("loss")
        self.episode_return = mean("episode_return")
        self.episode_return_max = Maximum("episode_return_max")
        self.episode_length = mean("episode_length")
        self.elite_threshold = mean("elite_threshold")
        self.num_elites = mean("num_elites")
        self.epsilon = Latest("epsilon")
        self.env_steps = Latest("env_steps")
        self.env_restarts = Latest("env_restarts")
        self.num_nonfinite = keras.metrics.Sum("num_nonfinite")

    def all(self) -> list[keras.metrics.Metric]:
        """All of them, in the order above."""
        return list(vars(self).values())


class TestMetrics:
    """What an evaluation reports."""

    def __init__(self) -> None:
        self.episode_return = keras.metrics.Mean("episode_return")
        self.episode_length = keras.metrics.Mean("episode_length")

    def all(self) -> list[keras.metrics.Metric]:
        """All of them, in the order above."""
        return list(vars(self).values())
