"""The candidates for elites: new trajectories and remembered ones."""

import tensorflow as tf

from keras_cem.engines.pairs import Pairs, block_size
from keras_cem.engines.trajectories import StoredPairs, StoredSteps
from keras_cem.utils.tensors import Nest, where_rows


class Candidates:
    """K new trajectories, followed by the M rows of a memory.

    Args:
        fresh: The K new trajectories.
        memory: M trajectories, such as a prepared `EliteMemory`.

    Attributes:
        lengths: int32 tensor `(K + M,)`, number of steps per trajectory.
        num_steps: Number of steps including padding.
        block_size: Number of pairs per block, or None, as in `StoredPairs`.
    """

    def __init__(self, fresh: StoredPairs, memory: StoredSteps):
        self._fresh = fresh
        self._memory = memory
        self.lengths = tf.concat([fresh.lengths, memory.lengths], axis=0)
        self.num_steps = fresh.num_steps + memory.num_steps
        self.block_size = (
            None if fresh.block_size is None else block_size(self.num_steps)
        )

    def pairs(self, mask: tf.Tensor, *, drawn: bool) -> Pairs:
        """Returns the pairs of some trajectories, see `StoredPairs.pairs`."""
        del drawn
        dtype = tf.int64 if self.block_size is None else tf.int32
        most = None if self.block_size is None else self.num_steps
        return Pairs(self.lengths, mask, dtype, most)

    def gather(
        self, trajectory: tf.Tensor, step: tf.Tensor
    ) -> tuple[Nest, Nest]:
        """Returns observations and actions of pairs, `(B, ...)`."""
        size = tf.size(self._fresh.lengths)
        is_fresh = trajectory < size
        fresh = self._fresh.gather(
            tf.where(is_fresh, trajectory, 0), tf.where(is_fresh, step, 0)
        )
        held = self._memory.gather(
            tf.where(is_fresh, 0, trajectory - size),
            tf.where(is_fresh, 0, step),
        )

        fresh = tf.nest.map_structure(
            lambda new, old: tf.cast(new, old.dtype), fresh, held
        )
        observations, actions = where_rows(is_fresh, fresh, held)
        return observations, actions
