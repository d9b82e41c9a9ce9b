"""Random actions that are held for a while."""

from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from keras_cem import prng
from keras_cem.utils import checks

# Makes the numbers of holding independent of those that draw the policy's own
# actions at the same counters.
_NUMBERS = 0x401D

State = tuple[tf.Tensor, tf.Tensor]


class Holding:
    """Explores with random actions that last for more than one step.

    A random action in each step undoes the one before: what takes many equal
    actions in a row, such as swinging a car out of a valley, is never tried.
    Here, a step in which no action is held starts with probability epsilon to
    hold an action drawn uniformly, for

        d = min(floor(1 / u), D) steps,  u uniform in (0, 1]

    so that P(d >= k) = 1/k for k = 1, ..., D. Otherwise the policy acts. So
    epsilon is the share of random ones among the decisions; as a random one
    lasts for 1 + 1/2 + ... + 1/D steps on average, it is not that of steps.

    Each component of an action holds by itself.

    Args:
        longest: D, the largest number of steps, at least 1. With 1, nothing
            is held.
        num_choices: Number of choices of each component of an action.
    """

    def __init__(self, longest: int, num_choices: Sequence[int]):
        checks.number(persistence=longest)
        checks.at_least(1, persistence=longest)
        self.longest = int(longest)
        self._num_choices = list(num_choices)

    def initial(self, size: Any) -> State:
        """Returns the state of `size` rows: choices held, and steps left."""
        zeros = tf.zeros((size, len(self._num_choices)), tf.int32)
        return zeros, zeros

    def explore(
        self,
        choices: tf.Tensor,
        epsilon: tf.Tensor,
        key: prng.Words,
        counter: prng.Words,
        state: State,
    ) -> tuple[tf.Tensor, State]:
        """Holds random choices instead of the policy's.

        Args:
            choices: int32 `(N, components)`, the policy's, from 0.
            epsilon: float scalar, probability that a free step starts to hold.
            key: Two uint32 scalars, see `prng.make_key`.
            counter: Two uint32 tensors `(N,)`: trajectory and step.
            state: As `initial` returns it.

        Returns:
            Choices of the same shape, and the state to pass on.
        """
        size = len(self._num_choices)
        numbers = tf.unstack(
            tf.reshape(
                prng.uniform(prng.fold_in(key, _NUMBERS), counter, 3 * size),
                (-1, size, 3),
            ),
            axis=-1,
        )
        held, left = state
        first = counter[1][:, None] == tf.constant(0, tf.uint32)
        is_held = ~first & (left > 0)
        starts = ~is_held & (numbers[0] < epsilon)
        held = tf.where(starts, self._draw(numbers[1]), held)
        left = tf.where(starts, self._durations(numbers[2]), left)
        acting = is_held | starts
        left = tf.where(acting, left - 1, 0)
        return tf.where(acting, held, choices), (held, left)

    def _draw(self, numbers: tf.Tensor) -> tf.Tensor:
        total = tf.constant(self._num_choices, tf.int32)
        drawn = tf.cast(numbers * tf.cast(total, tf.float32), tf.int32)
        return tf.minimum(drawn, total - 1)

    def _durations(self, numbers: tf.Tensor) -> tf.Tensor:
        # From (0, 1], and the cap first: 1 / 2**-24 is no trouble for int32,
        # but the cap may be.
        steps = tf.minimum(1.0 / (1.0 - numbers), float(self.longest))
        return tf.cast(tf.floor(steps), tf.int32)
