"""Metrics that `fit` and `evaluate` report on environments."""

import functools
from collections.abc import Callable, Iterable
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_cem.algorithm.learner import Elites, Learner, Update
from keras_cem.engines.trajectories import Played
from keras_cem.utils import nonfinite
from keras_cem.utils.tensors import Array, Number


class Latest(keras.metrics.Metric):
    """The latest value, exact for integers up to 2**53."""

    def __init__(self, name: str):
        super().__init__(name=name, dtype="float64")
        # A variable does not inherit the metric's dtype (keras 3.15).
        self.value = self.add_variable(
            (), "zeros", dtype="float64", name="value"
        )

    def update_state(self, value: Number) -> None:
        self.value.assign(keras.ops.cast(value, "float64"))

    def result(self) -> tf.Tensor:
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

    def update_state(
        self, values: Array, sample_weight: Array | float = 1.0
    ) -> None:
        values = keras.ops.cast(values, "float64")
        weights = keras.ops.cast(sample_weight, "float64")
        weights = keras.ops.broadcast_to(weights, keras.ops.shape(values))
        self.total.assign_add(keras.ops.sum(values * weights))
        self.count.assign_add(keras.ops.sum(weights))

    def result(self) -> tf.Tensor:
        return keras.ops.divide_no_nan(self.total, self.count)


class Maximum(keras.metrics.Metric):
    """The largest value."""

    def __init__(self, name: str):
        super().__init__(name=name)
        self.value = self.add_variable((), "zeros", name="value")
        self.reset_state()

    def update_state(self, value: Number) -> None:
        self.value.assign(keras.ops.maximum(self.value, value))

    def result(self) -> tf.Tensor:
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

    def reset(self, others: Iterable[keras.metrics.Metric] = ()) -> None:
        """Resets all metrics; must not be called inside a compiled step.

        Args:
            others: Metrics of a subclass of the agent, reset one by one.
        """
        self._reset()
        for metric in others:
            metric.reset_state()

    def results(
        self, others: Iterable[keras.metrics.Metric] = ()
    ) -> dict[str, Any]:
        """Returns the results by name; not allowed inside a compiled step.

        Args:
            others: Metrics of a subclass of the agent, read one by one.
        """
        results: dict[str, Any] = dict(self._results())
        for metric in others:
            result = metric.result()
            several = isinstance(result, dict)
            results |= result if several else {metric.name: result}
        return results

    @functools.cached_property
    def _reset(self) -> Callable[[], None]:
        def reset() -> None:
            for metric in self.all():
                metric.reset_state()

        # AutoGraph would take longer than all resets of a training.
        compiled: Callable[[], None] = tf.function(reset, autograph=False)
        return compiled

    @functools.cached_property
    def _results(self) -> Callable[[], dict[str, Any]]:
        compiled: Callable[[], dict[str, Any]] = tf.function(
            lambda: {metric.name: metric.result() for metric in self.all()},
            autograph=False,
        )
        return compiled


class TrainMetrics(_Together):
    """Training metrics of an epoch, under their names in History.

    Most are means over the iterations of the epoch. `episode_return_max` is the
    maximum. `epsilon`, `env_steps` and `env_restarts` are the latest values.
    `num_nonfinite` is a sum.

    Args:
        with_critic: Whether the agent has a critic. It adds `critic_loss` and
            `explained_variance`.
    """

    def __init__(self, with_critic: bool = False) -> None:
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
        self.critic_loss = Mean("critic_loss") if with_critic else None
        self.explained_variance = (
            Mean("explained_variance") if with_critic else None
        )

    def update(
        self,
        agent: Learner,
        played: Played,
        elites: Elites,
        update: Update,
    ) -> None:
        """Adds an iteration; called inside the step.

        Args:
            agent: The agent, after the iteration.
            played: The K trajectories.
            elites: The elites among them.
            update: The update of the policy.
        """
        returns = played.returns
        # A trajectory with a nonfinite return is left out. Zero weights are
        # not enough, because 0 times NaN is NaN.
        sound = nonfinite.unmarked(returns)
        weight = tf.cast(sound, tf.float32)
        updated = tf.equal(update.withheld, 0)
        self.loss.update_state(
            tf.where(updated, update.loss, 0.0), tf.cast(updated, tf.float32)
        )
        self.episode_return.update_state(tf.where(sound, returns, 0.0), weight)
        self.episode_return_max.update_state(
            tf.reduce_max(tf.where(sound, returns, -np.inf))
        )
        self.episode_length.update_state(played.lengths, weight)
        known = tf.math.is_finite(elites.gamma_q)
        self.elite_threshold.update_state(
            tf.where(known, elites.gamma_q, 0.0), tf.cast(known, tf.float32)
        )
        self.num_elites.update_state(elites.number)
        if self.critic_loss is not None and self.explained_variance is not None:
            self.critic_loss.update_state(
                tf.where(updated, update.critic_loss, 0.0),
                tf.cast(updated, tf.float32),
            )
            self.explained_variance.update_state(
                tf.where(updated, update.explained_variance, 0.0),
                tf.cast(updated, tf.float32),
            )
        self.epsilon.update_state(agent.epsilon)
        self.env_steps.update_state(agent.env_steps)
        self.num_nonfinite.update_state(
            tf.reduce_sum(1.0 - weight) + 1.0 - tf.cast(updated, tf.float32)
        )


class TestMetrics(_Together):
    """Metrics of an evaluation."""

    def __init__(self) -> None:
        self.episode_return = Mean("episode_return")
        self.episode_length = Mean("episode_length")

    def update(self, played: Played) -> None:
        """Adds the episodes of a batch; called inside the step."""
        sound = nonfinite.unmarked(played.returns)
        weight = tf.cast(sound, tf.float32)
        self.episode_return.update_state(
            tf.where(sound, played.returns, 0.0), weight
        )
        self.episode_length.update_state(played.lengths, weight)
