"""The pairs (s, a) of the elite trajectories, numbered 0 to N - 1."""

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from keras_cem import prng
from keras_cem.utils import devices

# Least and most pairs to take at a time where shapes must be static. On a CPU
# the activations of a block of the largest size should stay in a cache; a GPU
# is not busy with so few.
MIN_BLOCK_SIZE, MAX_BLOCK_SIZE, MAX_BLOCK_SIZE_ON_GPU = 512, 4096, 65536


def block_size(num_steps: int) -> int:
    """Returns how many pairs to take at a time.

    Few, so that not much more is computed than there are; yet not so few that
    there are very many blocks.

    Args:
        num_steps: K times T, the most pairs that there can be.
    """
    most = MAX_BLOCK_SIZE
    if devices.has_gpu():
        most = MAX_BLOCK_SIZE_ON_GPU
    return min(max(num_steps // 64, MIN_BLOCK_SIZE), most)


class ElitePairs:
    """Finds pair number i of the elites without copying any.

    Args:
        lengths: int tensor `(K,)`, steps of each trajectory.
        elite_mask: bool tensor `(K,)`.
        dtype: Of the numbers. int32, the default, is for fewer than 2**31
            steps, which the graph engine makes sure of; the host engine may
            have more.

    Attributes:
        total: N, a scalar of that dtype.
    """

    def __init__(
        self,
        lengths: tf.Tensor,
        elite_mask: tf.Tensor,
        dtype: tf.DType = tf.int32,
    ):
        # Elites first, each in its order.
        self._order = tf.argsort(tf.cast(~elite_mask, tf.int32), stable=True)
        self._num_elites = tf.math.count_nonzero(elite_mask, dtype=tf.int32)
        counts = tf.where(elite_mask, tf.cast(lengths, dtype), 0)
        self._counts = tf.gather(counts, self._order)
        self._ends = tf.cumsum(self._counts)
        self.total = self._ends[-1]

    def locate(self, numbers: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns trajectory and step of pairs.

        Args:
            numbers: `(B,)` of numbers below N, of the dtype of N.

        Returns:
            Two int32 tensors `(B,)`.
        """
        row = count_at_most(self._ends, numbers)
        begin = tf.gather(self._ends - self._counts, row)
        step = tf.cast(numbers - begin, tf.int32)
        return tf.gather(self._order, row), step

    def draw(
        self, key: prng.Words, number: Any, size: int, *, by_trajectory: bool
    ) -> tf.Tensor:
        """Draws numbers of pairs at random, with replacement.

        Args:
            key: As `prng.make_key` returns it.
            number: int32 scalar; other pairs are drawn for each number.
            size: How many.
            by_trajectory: Whether each trajectory is drawn as often as any
                other, however long it is, rather than each pair.

        Returns:
            Tensor `(size,)` of numbers below N, of the dtype of N.
        """
        rows = tf.cast(tf.range(size), tf.uint32)
        counter = (rows, tf.fill([size], tf.cast(number, tf.uint32)))
        drawn = tf.cast(prng.uniform(key, counter, 2), tf.float64)
        if by_trajectory:
            row = _below(self._num_elites, drawn[:, 0])
            count = tf.gather(self._counts, row)
            begin = tf.gather(self._ends, row) - count
            return begin + _below(count, drawn[:, 1])
        # 24 bits are too few to tell more than 16 million pairs apart. The 48
        # of both are in float64 without loss.
        return _below(self.total, drawn[:, 0] + drawn[:, 1] * 2.0**-24)


class PairsByStep(ElitePairs):
    """Numbers the pairs step by step, not trajectory by trajectory.

    Where what was played is stored time first, those of one step are near one
    another: a processor finds them in its cache.

    Args:
        lengths: int tensor `(K,)`, steps of each trajectory.
        elite_mask: bool tensor `(K,)`.
        num_steps: T, the most steps of one.
    """

    def __init__(
        self, lengths: tf.Tensor, elite_mask: tf.Tensor, num_steps: int
    ):
        counts = tf.where(elite_mask, tf.cast(lengths, tf.int32), 0)
        # The shortest first: who still plays is at the end.
        self._order = tf.argsort(counts, stable=True)
        self._over = count_at_most(
            tf.gather(counts, self._order), tf.range(num_steps)
        )
        live = tf.size(counts) - self._over
        self._ends = tf.cumsum(live)
        self._begins = self._ends - live
        self.total = self._ends[-1]

    def locate(self, numbers: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns trajectory and step of pairs, as `ElitePairs` does."""
        step = count_at_most(self._ends, numbers)
        place = tf.gather(self._over - self._begins, step) + numbers
        return tf.gather(self._order, place), step


def _below(count: tf.Tensor, fraction: tf.Tensor) -> tf.Tensor:
    """The integers below `count` that float64 fractions of it make."""
    number = tf.cast(fraction * tf.cast(count, tf.float64), count.dtype)
    return tf.minimum(number, count - 1)


def count_at_most(ordered: tf.Tensor, values: tf.Tensor) -> tf.Tensor:
    """Counts the entries that are at most as large as each of some values.

    As `tf.searchsorted(ordered, values, side="right")` does, which XLA makes a
    comparison of all with all: of time and memory K times B. This is a search
    by halves.

    Args:
        ordered: Integer tensor `(K,)`, ascending, K >= 1.
        values: Tensor `(B,)` of the same dtype.

    Returns:
        int32 tensor `(B,)`.
    """
    size = tf.size(ordered)
    static = ordered.shape[0]
    # The largest power of two that is not above K, or above every K.
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
    most: Any,
    like: list[tf.Tensor],
    block_size: int | None,
) -> list[tf.Tensor]:
    """Adds up what a function of pair numbers gives, over all pairs.

    Args:
        function: Takes numbers `(B,)`; which of them count, bool
            `(B,)`; and 1.0 in the first block, else 0.0. Returns tensors.
        total: Number of pairs, a scalar of the dtype of their numbers.
        most: The most pairs that there can be.
        like: Tensors of the shapes and dtypes that `function` returns.
        block_size: B. None takes all pairs at once; under XLA that costs as
            much as `most` pairs do.

    Returns:
        Sums, as `function` returns them.
    """
    if block_size is None:
        # `tf.range(total)` is what XLA cannot compile; this it can.
        numbers = tf.where(tf.range(tf.cast(most, total.dtype)) < total)[:, 0]
        everyone = tf.ones_like(numbers, tf.bool)
        return function(
            tf.cast(numbers, total.dtype), everyone, tf.constant(1.0)
        )
    block = tf.range(block_size)

    def body(start: tf.Tensor, sums: list[tf.Tensor]) -> Any:
        numbers = start + block
        # The last block is filled up with pairs that are there, each about as
        # often as the others: batch normalisation sees them.
        terms = function(
            numbers % total,
            numbers < total,
            tf.cast(tf.equal(start, 0), tf.float32),
        )
        added = [a + b for a, b in zip(sums, terms, strict=True)]
        return start + block_size, added

    _, sums = tf.while_loop(
        lambda start, _: start < total,
        body,
        (tf.constant(0), [tf.zeros_like(tensor) for tensor in like]),
    )
    return sums
