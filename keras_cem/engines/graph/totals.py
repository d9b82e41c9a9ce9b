"""What the loop of the graph engine adds up per episode."""

from typing import NamedTuple

import tensorflow as tf

from keras_cem.engines.trajectories import discount_weights
from keras_cem.utils.tensors import Nest, where_rows


class Totals(NamedTuple):
    """Totals of K episodes.

    Returns are summed in float64, as in `Trajectories`. In float32, 10^5
    rewards of 0.1 sum to 9998.56.

    Attributes:
        returns: float64 `(K,)`.
        discounted: float64 `(K,)`, sums of discount^t r_t; `()` without a
            discount.
        lengths: int32 `(K,)`, number of steps.
        terminated: bool `(K,)`.
        faults: int32 `(K,)`, a `nonfinite.Fault`, or 0.
        final: States after the last steps; `()` if they are not stored.
    """

    returns: tf.Tensor
    discounted: tf.Tensor
    lengths: tf.Tensor
    terminated: tf.Tensor
    faults: tf.Tensor
    final: Nest

    @classmethod
    def none(
        cls, size: int, state: Nest, discount: tf.Tensor | None
    ) -> "Totals":
        """Returns the totals before the first step.

        Args:
            size: K.
            state: Start states, or `()` to keep no states.
            discount: float64 scalar; None for no discount.
        """
        return cls(
            tf.zeros(size, tf.float64),
            () if discount is None else tf.zeros(size, tf.float64),
            tf.zeros(size, tf.int32),
            tf.zeros(size, tf.bool),
            tf.zeros(size, tf.int32),
            state,
        )

    def after_step(
        self,
        step: tf.Tensor,
        live: tf.Tensor,
        rewards: tf.Tensor,
        terminated: tf.Tensor,
        faults: tf.Tensor,
        state: Nest,
        discount: tf.Tensor | None,
    ) -> "Totals":
        """Returns the totals after one step.

        Args:
            step: int32 scalar, number of the step, from 0.
            live: bool `(K,)`, true for episodes that took the step.
            rewards: float64 `(K,)`.
            terminated: bool `(K,)`.
            faults: int32 `(K,)`, a `nonfinite.Fault`, or 0.
            state: States after the step.
            discount: As in `none`.
        """
        rewards = tf.where(live, rewards, 0.0)
        discounted, final = self.discounted, self.final
        if discount is not None:
            weight = tf.cast(discount_weights(discount, step), tf.float64)
            discounted += rewards * weight
        if not (isinstance(final, tuple) and not final):
            final = where_rows(live, state, final)
        return Totals(
            self.returns + rewards,
            discounted,
            self.lengths + tf.cast(live, tf.int32),
            self.terminated | (live & terminated),
            self.faults + faults,
            final,
        )
