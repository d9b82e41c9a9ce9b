"""How much better each step was than the critic expected.

References:
    Schulman, Moritz, Levine, Jordan and Abbeel (2016), High-dimensional
    continuous control using generalized advantage estimation.
    https://arxiv.org/abs/1506.02438
"""

from typing import NamedTuple

import tensorflow as tf

MOST_STEPS = 2**31


class Advantages(NamedTuple):
    """Estimates for the T steps of K trajectories, time axis first.

    Attributes:
        mask: bool `(T, K)`; true for real steps. The other arrays are 0
            elsewhere.
        advantages: float32 `(T, K)`, the advantage A_t of each step.
        values: float32 `(T, K)`, the critic's value V(s_t) before each step.
    """

    mask: tf.Tensor
    advantages: tf.Tensor
    values: tf.Tensor

    @property
    def returns(self) -> tf.Tensor:
        """The lambda-returns A_t + V(s_t), float32 `(T, K)`."""
        return self.advantages + self.values

    def explained_variance(self) -> tf.Tensor:
        """Returns 1 - Var(A) / Var(A + V) over all steps, a float32 scalar.

        It is 1 for a perfect critic and 0 for one that knows nothing but the
        mean. It is 0 if all lambda-returns are equal.
        """
        unexplained = self._variance(self.advantages)
        return tf.where(
            self._variance(self.returns) > 0.0,
            1.0
            - tf.math.divide_no_nan(unexplained, self._variance(self.returns)),
            0.0,
        )

    def _variance(self, of_steps: tf.Tensor) -> tf.Tensor:
        counts = tf.cast(self.mask, tf.float32)
        count = tf.reduce_sum(counts)
        mean = tf.math.divide_no_nan(tf.reduce_sum(of_steps * counts), count)
        squares = tf.square((of_steps - mean) * counts)
        return tf.math.divide_no_nan(tf.reduce_sum(squares), count)


def estimate(
    rewards: tf.Tensor,
    values: tf.Tensor,
    final_values: tf.Tensor,
    lengths: tf.Tensor,
    discount: float,
    gae_lambda: float,
) -> Advantages:
    """Computes the advantages of all steps.

        delta_t = r_t + gamma V(s_{t+1}) - V(s_t)
        A_t     = sum over l of (gamma lambda)^l delta_{t+l}

    Args:
        rewards: float32 `(T, K)`. Entries after the end of a trajectory have no
            meaning.
        values: float32 `(T, K)`, V(s_t) before each step.
        final_values: float32 `(K,)`, the value after the last step: 0 where the
            trajectory terminated, V of the last observation where it was
            truncated.
        lengths: int32 `(K,)`, number of steps per trajectory. A trajectory of
            length 0 is left out.
        discount: gamma in (0, 1].
        gae_lambda: lambda in [0, 1].
    """
    steps = tf.shape(rewards)[0]
    step = tf.range(steps)[:, tf.newaxis]
    mask = step < lengths
    values = tf.where(mask, values, 0.0)
    following = tf.where(
        tf.equal(step, lengths - 1), final_values, _ahead(values, 1)
    )
    # Zeros after the end, so that a sum over later steps ends there.
    total = tf.where(mask, rewards + discount * following - values, 0.0)
    # Each doubling adds what the next `count` steps have summed.
    most = rewards.shape[0] or MOST_STEPS
    for doubling in range((most - 1).bit_length()):
        count = 2**doubling
        total += (discount * gae_lambda) ** count * _ahead(total, count)
    return Advantages(mask, total, values)


def _ahead(of_steps: tf.Tensor, count: int) -> tf.Tensor:
    """Returns the entries `count` steps later, 0 after the last step."""
    count = tf.minimum(count, tf.shape(of_steps)[0])
    return tf.pad(of_steps[count:], [[0, count], [0, 0]])
