"""Running count, mean and variance of numbers that arrive in batches."""

from collections.abc import Callable
from typing import NamedTuple

import tensorflow as tf

from keras_cem.utils.nonfinite import finite_rows
from keras_cem.utils.tensors import Integer

# Number of trajectories whose moments are computed together. The moments of
# more are merged in their order. So a part of the groups may be computed
# elsewhere, with the same result to the last bit.
GROUP_SIZE = 64


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
        squares = [
            self.squares,
            other.squares,
            tf.square(delta) * (self.count * share),
        ]
        return Moments(
            count,
            self.mean + delta * share,
            # Not `+`, whose order TensorFlow may change, in another way in
            # each graph.
            tf.reduce_sum(tf.stack(squares), axis=0),
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


def of_group(values: tf.Tensor, mask: tf.Tensor) -> Moments:
    """Returns the moments of the real steps of some trajectories.

    Args:
        values: Floats `(K, T, ...)`.
        mask: bool `(K, T)`, true for the real steps.
    """
    flat = tf.reshape(values, (-1, *values.shape[2:]))
    return of_batch(flat, tf.reshape(mask, (-1,)))


def of_trajectories(values: tf.Tensor, mask: tf.Tensor) -> Moments:
    """Returns the moments of the real steps of K trajectories.

    They are the merged moments of groups of `GROUP_SIZE` trajectories.

    Args:
        values: Floats `(K, T, ...)`.
        mask: bool `(K, T)`, true for the real steps.
    """
    values, mask = tf.convert_to_tensor(values), tf.convert_to_tensor(mask)
    # Under XLA, sizes are known only if they are known here.
    size = mask.shape[0] or tf.shape(mask)[0]
    end = size // GROUP_SIZE * GROUP_SIZE

    def of_full(number: tf.Tensor) -> Moments:
        rows = number * GROUP_SIZE + tf.range(GROUP_SIZE)
        return of_group(tf.gather(values, rows), tf.gather(mask, rows))

    rest = of_group(values[end:], mask[end:])
    return _merged(of_full, size // GROUP_SIZE, rest)


def merged(groups: Moments) -> Moments:
    """Returns the merged moments of groups that were computed apart.

    The result equals that of `of_trajectories` to the last bit.

    Args:
        groups: K // `GROUP_SIZE` + 1 moments, stacked: of the full groups, and
            of the rest, which may be empty.
    """

    def of(number: tf.Tensor) -> Moments:
        return Moments(
            *(
                tf.ensure_shape(tf.gather(part, number), part.shape[1:])
                for part in groups
            )
        )

    last = tf.shape(groups.count)[0] - 1
    return _merged(of, last, of(last))


def _merged(
    group: Callable[[tf.Tensor], Moments], count: Integer, rest: Moments
) -> Moments:
    _, merged = tf.while_loop(
        lambda number, merged: number < count,
        lambda number, merged: (number + 1, merged.merge(group(number))),
        (tf.constant(0), Moments.nothing(rest.mean.shape)),
    )
    whole: Moments = merged.merge(rest)
    return whole
