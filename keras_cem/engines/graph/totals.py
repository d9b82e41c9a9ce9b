"""What the loop of the graph engine adds up per episode."""

from typing import NamedTuple

import tensorflow as tf

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
        live: tf.Tensor,
        rewards: tf.Tensor,
        terminated: tf.Tensor,
        faults: tf.Tensor,
        state: Nest,
        weights: tf.Tensor | None,
    ) -> "Totals":
        """Returns the totals after one step.

        Args:
            live: bool `(K,)`, true for episodes that took the step.
            rewards: float64 `(K,)`.
            terminated: bool `(K,)`.
            faults: int32 `(K,)`, a `nonfinite.Fault`, or 0.
            state: States after the step.
            weights: float32 `(T,)`, discount^t for each step t, or None.
        """
        rewards = tf.where(live, rewards, 0.0)
        discounted, final = self.discounted, self.final
        if weights is not None:
            step = tf.minimum(self.lengths, tf.size(weights) - 1)
            discounted += rewards * tf.cast(
                tf.gather(weights, step), tf.float64
            )
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
