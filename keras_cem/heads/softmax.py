"""Discrete actions by softmax."""

from typing import Any

import tensorflow as tf

from keras_cem import checks, prng, spaces
from keras_cem.heads.base import Head
from keras_cem.heads.cross_entropy import cross_entropy
from keras_cem.heads.holding import Holding


class SoftmaxHead(Head):
    """Chooses among m discrete actions by softmax.

    The policy's outputs are logits F(s) in R^m, and

        pi_n(i|s) = (1 - epsilon) softmax(F(s))_i + epsilon / m
        loss(s, a) = -ln softmax(F(s))_a

    Args:
        space: `Discrete` space of m actions, any `start`.
        persistence: The largest number of steps that a random action is held
            for, see `heads.holding.Holding`: above 1 where a goal takes many
            equal actions in a row. Then epsilon is the share of random ones
            among the decisions. Defaults to `1`: pi_n as above.
        entropy_coefficient: beta at least 0: the loss is less by beta times
            the entropy of softmax(F(s)), which keeps the policy undecided for
            longer. Defaults to `0.0`.

    Raises:
        ValueError: If an option is out of range.
    """

    space: spaces.Discrete
    max_epsilon = 1

    def __init__(
        self,
        space: Any,
        persistence: int = 1,
        entropy_coefficient: float = 0.0,
    ):
        self.space = spaces.get_as(spaces.Discrete, space, "action_space")
        self.output_shape = (self.space.n,)
        self.holding = Holding(persistence, [self.space.n])
        checks.number(0, entropy_coefficient=entropy_coefficient)
        self.entropy_coefficient = float(entropy_coefficient)

    def initial_exploration(self, size: Any) -> Any:
        return self.holding.initial(size) if self._holds else ()

    def explore(
        self,
        outputs: tf.Tensor,
        epsilon: tf.Tensor,
        key: prng.Words,
        counter: prng.Words,
        state: Any,
    ) -> tuple[tf.Tensor, Any]:
        if not self._holds:
            index = self._sample(outputs, epsilon, key, counter)
            return self._to_action(index), state
        index = self._sample(outputs, 0.0, key, counter)[:, None]
        index, state = self.holding.explore(index, epsilon, key, counter, state)
        return self._to_action(index[:, 0]), state

    def _sample(
        self,
        outputs: tf.Tensor,
        epsilon: Any,
        key: prng.Words,
        counter: prng.Words,
    ) -> tf.Tensor:
        policy = tf.nn.softmax(tf.cast(outputs, tf.float32))
        mixed = (1.0 - epsilon) * policy + epsilon / self.space.n
        # Inverse of the distribution function: one number an action. The last
        # entry is left out, so that rounding below 1 cannot leave the range.
        bounds = tf.cumsum(mixed, axis=-1)[:, :-1]
        number = prng.uniform(key, counter, 1)
        return tf.reduce_sum(tf.cast(number >= bounds, tf.int32), axis=-1)

    def greedy(self, outputs: tf.Tensor) -> tf.Tensor:
        return self._to_action(
            tf.argmax(outputs, axis=-1, output_type=tf.int32)
        )

    def loss(self, outputs: tf.Tensor, actions: tf.Tensor) -> tf.Tensor:
        index = tf.cast(actions, tf.int32) - self.space.start
        return cross_entropy(outputs, index, self.entropy_coefficient)

    def get_config(self) -> dict[str, Any]:
        return {
            "space": spaces.serialize(self.space),
            "persistence": self.holding.longest,
            "entropy_coefficient": self.entropy_coefficient,
        }

    @property
    def _holds(self) -> bool:
        return self.holding.longest > 1

    def _to_action(self, index: tf.Tensor) -> tf.Tensor:
        return tf.cast(index, self.space.dtype) + self.space.start
