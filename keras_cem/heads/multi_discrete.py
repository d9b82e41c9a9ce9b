"""Arrays of discrete actions."""

from typing import Any

import numpy as np
import tensorflow as tf

from keras_cem import spaces
from keras_cem.heads.choices import ChoicesHead

# Logit of what is no choice. Far below any other, and small enough that a sum
# with another logit is finite.
_NO_CHOICE = -1e30


class MultiDiscreteHead(ChoicesHead):
    """Chooses each element of an array of integers by a softmax of its own.

    The policy's outputs are `sum(nvec)` logits: those of the first element,
    then those of the second, and so on, the elements in C order. With m_i
    values of element i and F_i(s) in R^(m_i) its logits,

        pi_n(a|s) = product of (1 - epsilon) softmax(F_i(s))_(a_i)
                               + epsilon / m_i
        loss(s, a) = -sum of ln softmax(F_i(s))_(a_i)

    so that epsilon explores each element by itself.

    Args:
        space: `MultiDiscrete` space of any shape and `start`.
        persistence: As in `SoftmaxHead`, of each element by itself. Defaults
            to `1`.
        entropy_coefficient: As in `SoftmaxHead`; the entropy is the sum of
            those of the elements. Defaults to `0.0`.

    Raises:
        ValueError: If an option is out of range.
    """

    space: spaces.MultiDiscrete

    def __init__(
        self,
        space: Any,
        persistence: int = 1,
        entropy_coefficient: float = 0.0,
    ):
        described = spaces.get_as(spaces.MultiDiscrete, space, "action_space")
        counts = described.nvec.reshape(-1)
        super().__init__(
            described, counts.tolist(), persistence, entropy_coefficient
        )
        self.output_shape = (int(counts.sum()),)
        columns = np.arange(counts.max())
        # Where the logits of each element stand; anywhere behind the last one.
        begin = np.cumsum(counts) - counts
        self._place = np.where(self._there, begin[:, None] + columns, 0)

    def _logits(self, outputs: tf.Tensor) -> tf.Tensor:
        outputs = tf.cast(outputs, tf.float32)
        if self._there.all():
            return tf.reshape(outputs, (-1, *self._there.shape))
        logits = tf.gather(outputs, self._place, axis=1)
        return tf.where(self._there, logits, _NO_CHOICE)
