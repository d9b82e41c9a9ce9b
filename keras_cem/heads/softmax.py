"""Discrete actions by softmax."""

from typing import Any

import tensorflow as tf

from keras_cem import prng, spaces
from keras_cem.heads.base import Head


class SoftmaxHead(Head):
    """Chooses among m discrete actions by softmax.

    The policy's outputs are logits F(s) in R^m, and

        pi_n(i|s) = (1 - epsilon) softmax(F(s))_i + epsilon / m
        loss(s, a) = -ln softmax(F(s))_a

    Args:
        space: `Discrete` space of m actions, any `start`.
    """

    space: spaces.Discrete
    max_epsilon = 1

    def __init__(self, space: Any):
        self.space = spaces.get_as(spaces.Discrete, space, "action_space")
        self.output_shape = (self.space.n,)

    def explore(
        self,
        outputs: tf.Tensor,
        epsilon: tf.Tensor,
        key: prng.Words,
        counter: prng.Words,
        state: Any,
    ) -> tuple[tf.Tensor, Any]:
        policy = tf.nn.softmax(tf.cast(outputs, tf.float32))
        mixed = (1.0 - epsilon) * policy + epsilon / self.space.n
        # Inverse of the distribution function: one number an action. The last
        # entry is left out, so that rounding below 1 cannot leave the range.
        bounds = tf.cumsum(mixed, axis=-1)[:, :-1]
        number = prng.uniform(key, counter, 1)
        index = tf.reduce_sum(tf.cast(number >= bounds, tf.int32), axis=-1)
        return self._to_action(index), state

    def greedy(self, outputs: tf.Tensor) -> tf.Tensor:
        return self._to_action(
            tf.argmax(outputs, axis=-1, output_type=tf.int32)
        )

    def loss(self, outputs: tf.Tensor, actions: tf.Tensor) -> tf.Tensor:
        index = tf.cast(actions, tf.int32) - self.space.start
        return tf.nn.sparse_softmax_cross_entropy_with_logits(
            labels=index, logits=tf.cast(outputs, tf.float32)
        )

    def get_config(self) -> dict[str, Any]:
        return {"space": spaces.serialize(self.space)}

    def _to_action(self, index: tf.Tensor) -> tf.Tensor:
        return tf.cast(index, self.space.dtype) + self.space.start
