"""Discrete actions, chosen by softmax."""

import numpy as np
import tensorflow as tf

from keras_cem import spaces
from keras_cem.heads.choices import ChoicesHead


class SoftmaxHead(ChoicesHead):
    """Chooses among m discrete actions by softmax.

    The policy's outputs are logits F(s) in R^m. With these

        pi_n(i|s) = (1 - epsilon) softmax(F(s))_i + epsilon / m
        loss(s, a) = -ln softmax(F(s))_a

    Args:
        space: `Discrete` space of m actions, any `start`.
        persistence: Largest number of steps that a random action is held, see
            `heads.holding.Holding`. Use more than 1 if a goal takes many equal
            actions in a row. Epsilon is then the share of random decisions.
            Defaults to `1`: pi_n as above.
        entropy_coefficient: beta, at least 0. The loss subtracts beta times
            the entropy of softmax(F(s)), which keeps the policy random for
            longer. Defaults to `0.0`.

    Raises:
        ValueError: If an option is out of range.
    """

    space: spaces.Discrete

    def __init__(
        self,
        space: object,
        persistence: int = 1,
        entropy_coefficient: float = 0.0,
    ):
        described = spaces.get_as(spaces.Discrete, space, "action_space")
        super().__init__(
            described, [described.n], persistence, entropy_coefficient
        )
        self.output_shape = (described.n,)

    def _logits(self, outputs: tf.Tensor) -> tf.Tensor:
        return tf.cast(outputs, tf.float32)[:, None, :]

    def _array_logits(self, outputs: np.ndarray) -> np.ndarray:
        return outputs[:, None, :]
