"""Random actions that are held for several steps."""

from collections.abc import Sequence

import tensorflow as tf

from keras_cem import prng
from keras_cem.utils import checks
from keras_cem.utils.tensors import Integer

State = tuple[tf.Tensor, tf.Tensor]


class Holding:
    """Explores with random actions that last for more than one step.

    Independent random actions cancel each other. They never try a behavior
    that takes many equal actions in a row, such as swinging a car out of a
    valley. Here, a step without a held action draws an action uniformly with
    probability epsilon, and holds it for

        d = min(floor(1 / u), D) steps,  u uniform in (0, 1]

    so that P(d >= k) = 1/k for k = 1, ..., D. Otherwise the policy acts.
    Epsilon is the share of random decisions, not of random steps: a random
    action lasts 1 + 1/2 + ... + 1/D steps on average.

    Each component of an action is held independently.

    Args:
        longest: D, the largest number of steps, at least 1. With 1, no action
            is held.
        num_choices: Number of choices of each component of an action.
    """

    def __init__(self, longest: int, num_choices: Sequence[int]):
        checks.number(persistence=longest)
        checks.at_least(1, persistence=longest)
        self.longest = int(longest)
        self._num_choices = list(num_choices)

    def initial(self, size: Integer) -> State:
        """Returns the state of `size` rows: held choices and steps left."""
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
        """Replaces the policy's choices by held random choices.

        Args:
            choices: int32 `(N, components)`, the policy's choices, from 0.
            epsilon: float scalar, probability that a step without a held
                action starts one.
            key: Two uint32 scalars, see `prng.make_key`.
            counter: Two uint32 tensors `(N,)`: trajectory and step.
            state: State from `initial` or the previous step.

        Returns:
            int32 choices of the same shape, and the state for the next step.
        """
        size = len(self._num_choices)
        # Independent of the numbers that draw the policy's actions.
        key = prng.fold_in(key, prng.SubStream.HELD_ACTIONS)
        drawn = prng.uniform(key, counter, 3 * size)
        numbers = tf.unstack(tf.reshape(drawn, (-1, size, 3)), axis=-1)
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
        # `1 - numbers` is in (0, 1]. Limit before the cast: 1 / 2**-24 fits
        # into int32, but the limit may not.
        steps = tf.minimum(1.0 / (1.0 - numbers), float(self.longest))
        return tf.cast(tf.floor(steps), tf.int32)
