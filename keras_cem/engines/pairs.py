"""The pairs (s, a) of chosen trajectories, numbered 0 to N - 1."""

from collections.abc import Callable

import numpy as np
import tensorflow as tf

from keras_cem import prng
from keras_cem.utils import devices
from keras_cem.utils.tensors import Integer

# Minimum and maximum number of pairs per block where shapes must be static. On
# a CPU the activations of the largest block should stay in a cache. A GPU needs
# larger blocks to be busy.
MIN_BLOCK_SIZE, MAX_BLOCK_SIZE, MAX_BLOCK_SIZE_ON_GPU = 512, 4096, 65536


def block_size(num_steps: int) -> int:
    """Returns the number of pairs per block.

    Small blocks waste little computation in the last block. Large blocks keep
    the number of blocks low.

    Args:
        num_steps: K times T, the maximum number of pairs.
    """
    most = MAX_BLOCK_SIZE
    if devices.has_gpu():
        most = MAX_BLOCK_SIZE_ON_GPU
    return min(max(num_steps // 64, MIN_BLOCK_SIZE), most)


class Pairs:
    """Finds pair number i of chosen trajectories without copying any pair.

    Args:
        lengths: int tensor `(K,)`, number of steps per trajectory.
        mask: bool tensor `(K,)`, true for the chosen trajectories.
        dtype: Dtype of the pair numbers. int32, the default, holds fewer than
            2**31 steps. The graph engine never has more, the host engine may.
        most: Largest possible N, where shapes must be static. Defaults to
            `None`.

    Attributes:
        total: N, the number of pairs, a scalar of dtype `dtype`.
        most: As given, or N.
    """

    def __init__(
        self,
        lengths: tf.Tensor,
        mask: tf.Tensor,
        dtype: tf.DType = tf.int32,
        most: int | None = None,
    ):
        # The chosen first, in their order.
        self._order = tf.argsort(tf.cast(~mask, tf.int32), stable=True)
        self._num_chosen = tf.math.count_nonzero(mask, dtype=tf.int32)
        counts = tf.where(mask, tf.cast(lengths, dtype), 0)
        self._counts = tf.gather(counts, self._order)
        self._ends = tf.cumsum(self._counts)
        self.total = self._ends[-1]
        self.most = self.total if most is None else most

    def locate(self, numbers: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns trajectory and step of pairs.

        Args:
            numbers: Tensor `(B,)` of pair numbers below N, in the dtype of N.

        Returns:
            Two int32 tensors `(B,)`.
        """
        row = count_at_most(self._ends, numbers)
        begin = tf.gather(self._ends - self._counts, row)
        step = tf.cast(numbers - begin, tf.int32)
        return tf.gather(self._order, row), step

    def draw(
        self,
        key: prng.Words,
        number: Integer,
        size: int,
        *,
        by_trajectory: bool,
    ) -> tf.Tensor:
        """Draws numbers of pairs at random, with replacement.

        Args:
            key: As `prng.make_key` returns it.
            number: int32 scalar, number of the draw. Each number draws other
                pairs.
            size: Number of pairs to draw.
            by_trajectory: Whether to draw trajectories with equal probability,
                whatever their lengths. If false, pairs are drawn with equal
                probability.

        Returns:
            Tensor `(size,)` of pair numbers below N, in the dtype of N.
        """
        rows = tf.cast(tf.range(size), tf.uint32)
        counter = (rows, tf.fill([size], tf.cast(number, tf.uint32)))
        drawn = tf.cast(prng.uniform(key, counter, 2), tf.float64)
        if by_trajectory:
            row = _below(self._num_chosen, drawn[:, 0])
            count = tf.gather(self._counts, row)
            begin = tf.gather(self._ends, row) - count
            return begin + _below(count, drawn[:, 1])
        # One number has 24 bits, too few for more than 16 million pairs. Two
        # have 48, which float64 holds exactly.
        return _below(self.total, drawn[:, 0] + drawn[:, 1] * 2.0**-24)


class PairsByStep(Pairs):
    """Numbers the pairs step by step, not trajectory by trajectory.

    If trajectories are stored with the time axis first, the pairs of one step
    lie close together in memory. This uses the processor's cache well.

    Args:
        lengths: int tensor `(K,)`, number of steps per trajectory.
        mask: bool tensor `(K,)`, true for the chosen trajectories.
        max_steps: T, the maximum number of steps of a trajectory.
    """

    def __init__(self, lengths: tf.Tensor, mask: tf.Tensor, max_steps: int):
        counts = tf.where(mask, tf.cast(lengths, tf.int32), 0)
        # The shortest first, so that unfinished trajectories are at the end.
        self._order = tf.argsort(counts, stable=True)
        self._over = count_at_most(
            tf.gather(counts, self._order), tf.range(max_steps)
        )
        live = tf.size(counts) - self._over
        self._ends = tf.cumsum(live)
        self._begins = self._ends - live
        self.total = self._ends[-1]
        self.most = max_steps * tf.size(counts)

    def locate(self, numbers: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns trajectory and step of pairs, as `Pairs` does."""
        step = count_at_most(self._ends, numbers)
        place = tf.gather(self._over - self._begins, step) + numbers
        return tf.gather(self._order, place), step


class PairsOfSteps(Pairs):
    """The pairs of chosen steps, whatever their trajectories.

    Args:
        mask: bool tensor `(T, K)`, true for the chosen steps.
        dtype: As in `Pairs`.
        most: As in `Pairs`.
    """

    def __init__(
        self,
        mask: tf.Tensor,
        dtype: tf.DType = tf.int32,
        most: int | None = None,
    ):
        self._size = tf.shape(mask)[1]
        # Number of chosen steps up to each step, in the order of memory.
        self._ends = tf.cumsum(tf.cast(tf.reshape(mask, (-1,)), dtype))
        self.total = self._ends[-1]
        self.most = self.total if most is None else most

    def locate(self, numbers: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns trajectory and step of pairs, as `Pairs` does."""
        place = count_at_most(self._ends, numbers)
        return place % self._size, place // self._size


def shuffled(
    key: prng.Words, epoch: tf.Tensor, total: tf.Tensor, most: tf.Tensor | int
) -> tf.Tensor:
    """Returns the numbers 0 to N - 1 in random order.

    Args:
        key: As `prng.make_key` returns it.
        epoch: int32 scalar. Each epoch has another order.
        total: N, a scalar.
        most: Size of the result, at least N. Under XLA it must be an int.

    Returns:
        Tensor `(most,)` in the dtype of N. What follows the first N entries has
        no meaning.
    """
    numbers = tf.range(tf.cast(most, total.dtype))
    counter = tf.cast(numbers, tf.uint32)
    words, _ = prng.threefry2x32(
        key, (counter, tf.fill(tf.shape(counter), tf.cast(epoch, tf.uint32)))
    )
    # 31 bits, below what sorts the rest to the end. Ties keep their order.
    ranks = tf.cast(tf.bitwise.right_shift(words, np.uint32(1)), tf.int64)
    ranks = tf.where(numbers < total, ranks, 2**31)
    return tf.cast(tf.argsort(ranks, stable=True), total.dtype)


def _below(count: tf.Tensor, fraction: tf.Tensor) -> tf.Tensor:
    """Scales float64 fractions in [0, 1) to integers below `count`."""
    number = tf.cast(fraction * tf.cast(count, tf.float64), count.dtype)
    return tf.minimum(number, count - 1)


def count_at_most(ordered: tf.Tensor, values: tf.Tensor) -> tf.Tensor:
    """Counts, for each value, the entries of `ordered` that are at most it.

    It computes `tf.searchsorted(ordered, values, side="right")` by binary
    search. XLA compiles `tf.searchsorted` to a comparison of all pairs, which
    takes K times B time and memory.

    Args:
        ordered: Integer tensor `(K,)`, ascending, K >= 1.
        values: Tensor `(B,)` of the same dtype.

    Returns:
        int32 tensor `(B,)`.
    """
    size = tf.size(ordered)
    static = ordered.shape[0]
    # The largest power of two up to K, or 2**30 if K is unknown.
    top = 2 ** (30 if static is None else static.bit_length() - 1)

    def body(step: tf.Tensor, found: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        further = found + step
        last = tf.gather(ordered, tf.minimum(further, size) - 1)
        taken = (further <= size) & (last <= values)
        return step // 2, tf.where(taken, further, found)

    _, found = tf.while_loop(
        lambda step, _: step > 0,
        body,
        (tf.constant(top), tf.zeros_like(values, tf.int32)),
    )
    return found


def accumulate(
    function: Callable[[tf.Tensor, tf.Tensor, tf.Tensor], list[tf.Tensor]],
    total: tf.Tensor,
    most: Integer,
    like: list[tf.Tensor],
    block_size: int | None,
) -> list[tf.Tensor]:
    """Sums the results of a function over all pairs.

    Args:
        function: Function of three tensors: pair numbers `(B,)`, a bool mask
            `(B,)` of the numbers that count, and 1.0 in the first block, else
            0.0. It returns tensors.
        total: Number of pairs, a scalar in the dtype of the pair numbers.
        most: Maximum number of pairs.
        like: Tensors with the shapes and dtypes that `function` returns.
        block_size: B. None takes all pairs at once. Under XLA this costs as
            much as `most` pairs.

    Returns:
        The sum of each tensor that `function` returns.
    """
    if block_size is None:
        # XLA cannot compile `tf.range(total)`, but it can compile this.
        numbers = tf.where(tf.range(tf.cast(most, total.dtype)) < total)[:, 0]
        everyone = tf.ones_like(numbers, tf.bool)
        return function(
            tf.cast(numbers, total.dtype), everyone, tf.constant(1.0)
        )
    block = tf.range(block_size)

    def body(
        start: tf.Tensor, sums: list[tf.Tensor]
    ) -> tuple[tf.Tensor, list[tf.Tensor]]:
        numbers = start + block
        # The last block is filled up with repeated pairs, spread evenly,
        # because batch normalization uses them too.
        terms = function(
            numbers % total,
            numbers < total,
            tf.cast(tf.equal(start, 0), tf.float32),
        )
        added = [a + b for a, b in zip(sums, terms, strict=True)]
        return start + block_size, added

    sums: list[tf.Tensor]
    _, sums = tf.while_loop(
        lambda start, _: start < total,
        body,
        (tf.constant(0), [tf.zeros_like(tensor) for tensor in like]),
    )
    return sums
