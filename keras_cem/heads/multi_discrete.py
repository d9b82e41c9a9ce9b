"""Actions that are arrays of integers."""

import numpy as np
import tensorflow as tf

from keras_cem import spaces
from keras_cem.heads.choices import ChoicesHead

# Logit of an entry that is no choice. It is far below any other logit, and its
# sum with another logit is still finite.
_NO_CHOICE = -1e30


class MultiDiscreteHead(ChoicesHead):
    """Chooses each element of an integer array by its own softmax.

    The policy's outputs are `sum(nvec)` logits, element after element in C
    order. With m_i the number of values of element i and F_i(s) in R^(m_i) its
    logits,

        pi_n(a|s) = product of (1 - epsilon) softmax(F_i(s))_(a_i)
                               + epsilon / m_i
        loss(s, a) = -sum of ln softmax(F_i(s))_(a_i)

    so that epsilon explores each element independently.

    Args:
        space: `MultiDiscrete` space of any shape and `start`.
        persistence: As in `SoftmaxHead`, for each element independently.
            Defaults to `1`.
        entropy_coefficient: As in `SoftmaxHead`; the entropies of the elements
            are added. Defaults to `0.0`.

    Raises:
        ValueError: If an option is out of range.
    """

    space: spaces.MultiDiscrete

    def __init__(
        self,
        space: object,
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
        # Index of each element's logits; 0, a placeholder, after its last one.
        begin = np.cumsum(counts) - counts
        self._place = np.where(self._there, begin[:, None] + columns, 0)

    def _logits(self, outputs: tf.Tensor) -> tf.Tensor:
        outputs = tf.cast(outputs, tf.float32)
        if self._there.all():
            return tf.reshape(outputs, (-1, *self._there.shape))
        logits = tf.gather(outputs, self._place, axis=1)
        return tf.where(self._there, logits, _NO_CHOICE)

    def _array_logits(self, outputs: np.ndarray) -> np.ndarray:
        if self._there.all():
            return outputs.reshape(-1, *self._there.shape)
        logits: np.ndarray = np.where(
            self._there, outputs[:, self._place], np.float32(_NO_CHOICE)
        )
        return logits
