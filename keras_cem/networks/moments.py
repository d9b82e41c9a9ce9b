"""Running count, mean and variance of numbers that arrive in batches."""

from typing import NamedTuple

import tensorflow as tf

from keras_cem.utils.nonfinite import finite_rows


class Moments(NamedTuple):
    """Moments of n arrays, in float64.

    Attributes:
        count: Scalar n, the number of arrays.
        mean: `(...)`, mean of the n arrays.
        squares: `(...)`, sum of the squared deviations from `mean`.
    """

    count: tf.Tensor
    mean: tf.Tensor
    squares: tf.Tensor

    @classmethod
    def nothing(cls, shape: tuple[int, ...]) -> "Moments":
        """Returns the moments of zero arrays of a shape."""
        zeros = tf.zeros(shape, tf.float64)
        return cls(tf.zeros((), tf.float64), zeros, zeros)

    def merge(self, other: "Moments") -> "Moments":
        """Returns the moments of both sets of arrays together.

        References:
            Chan, Golub and LeVeque (1983), Algorithms for computing the sample
            variance. https://doi.org/10.1080/00031305.1983.10483115
        """
        count = self.count + other.count
        share = tf.math.divide_no_nan(other.count, count)
        delta = other.mean - self.mean
        return Moments(
            count,
            self.mean + delta * share,
            self.squares
            + other.squares
            + tf.square(delta) * (self.count * share),
        )


def of_batch(batch: tf.Tensor, counts: tf.Tensor) -> Moments:
    """Returns the moments of selected rows of a batch.

    Args:
        batch: Floats `(N, ...)`.
        counts: bool `(N,)`, which rows count; other rows may hold any values.
            Rows that are not finite never count.
    """
    counts &= finite_rows(batch)
    rows = tf.reshape(
        counts, tf.concat([tf.shape(counts), [1] * (batch.shape.rank - 1)], 0)
    )
    weights = tf.cast(rows, tf.float64)
    batch = tf.where(rows, tf.cast(batch, tf.float64), 0.0)
    count = tf.reduce_sum(tf.cast(counts, tf.float64))
    mean = tf.math.divide_no_nan(tf.reduce_sum(batch, axis=0), count)
    squares = tf.reduce_sum(weights * tf.square(batch - mean), axis=0)
    return Moments(count, mean, squares)
