"""Actions that are arrays of zeros and ones."""

import math

import numpy as np
import tensorflow as tf

from keras_cem import spaces
from keras_cem.heads.choices import ChoicesHead


class MultiBinaryHead(ChoicesHead):
    """Chooses each bit of an action by the logistic function.

    The policy's outputs are one logit F_i(s) per bit, an array of the space's
    shape. With p_i = 1 / (1 + exp(-F_i(s)))

        pi_n(a_i = 1|s) = (1 - epsilon) p_i + epsilon / 2, independently
        loss(s, a) = -sum of a_i ln p_i + (1 - a_i) ln(1 - p_i)

    Args:
        space: `MultiBinary` space of any shape.
        persistence: As in `SoftmaxHead`, for each bit independently. Defaults
            to `1`.
        entropy_coefficient: As in `SoftmaxHead`; the entropies of the bits are
            added. Defaults to `0.0`.

    Raises:
        ValueError: If an option is out of range.
    """

    space: spaces.MultiBinary

    def __init__(
        self,
        space: object,
        persistence: int = 1,
        entropy_coefficient: float = 0.0,
    ):
        described = spaces.get_as(spaces.MultiBinary, space, "action_space")
        self._size = math.prod(described.shape)
        super().__init__(
            described, [2] * self._size, persistence, entropy_coefficient
        )
        self.output_shape = described.shape

    def _logits(self, outputs: tf.Tensor) -> tf.Tensor:
        ones = tf.reshape(tf.cast(outputs, tf.float32), (-1, self._size))
        # softmax((0, F)) = (1 - p, p).
        return tf.stack([tf.zeros_like(ones), ones], axis=-1)

    def _array_logits(self, outputs: np.ndarray) -> np.ndarray:
        ones = outputs.reshape(-1, self._size)
        return np.stack([np.zeros_like(ones), ones], axis=-1)
