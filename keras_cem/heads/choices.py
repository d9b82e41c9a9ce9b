"""Actions made of several independent choices, with one softmax per choice."""

import abc
from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from keras_cem import prng, spaces
from keras_cem.heads.array_heads import ArrayChoices, ArrayHead
from keras_cem.heads.base import ExplorationState, Head
from keras_cem.heads.categorical import cross_entropy, softmax
from keras_cem.heads.holding import Holding
from keras_cem.utils import checks
from keras_cem.utils.tensors import Integer


class ChoicesHead(Head):
    """Makes C independent choices per action; choice i has m_i options.

    With logits F_i(s) in R^(m_i) of choice i,

        pi_n(a|s) = product of (1 - epsilon) softmax(F_i(s))_(a_i)
                               + epsilon / m_i
        loss(s, a) = -sum of ln softmax(F_i(s))_(a_i)

    Args:
        space: Space of the actions.
        num_choices: m_1, ..., m_C.
        persistence: As in `SoftmaxHead`, for each choice independently.
        entropy_coefficient: As in `SoftmaxHead`; the entropies of the choices
            are added.
    """

    space: spaces.Integers
    max_epsilon = 1

    def __init__(
        self,
        space: spaces.Integers,
        num_choices: Sequence[int],
        persistence: int,
        entropy_coefficient: float,
    ):
        self.space = space
        self.holding = Holding(persistence, num_choices)
        checks.number(0, entropy_coefficient=entropy_coefficient)
        self.entropy_coefficient = float(entropy_coefficient)
        self._num_choices = np.array(num_choices, np.int32)
        # Whether choice i has an option j, bool `(C, m)`.
        columns = np.arange(self._num_choices.max())
        self._there = columns < self._num_choices[:, None]

    @abc.abstractmethod
    def _logits(self, outputs: tf.Tensor) -> tf.Tensor:
        """Returns logits, float32 `(N, C, m)`, m the largest m_i.

        Entries after the first m_i of a choice have probability 0.
        """

    @abc.abstractmethod
    def _array_logits(self, outputs: np.ndarray) -> np.ndarray:
        """Returns the same logits, computed with NumPy."""

    def initial_exploration(self, size: Integer) -> ExplorationState:
        return self.holding.initial(size) if self._holds else ()

    def explore(
        self,
        outputs: tf.Tensor,
        epsilon: tf.Tensor,
        key: prng.Words,
        counter: prng.Words,
        state: ExplorationState,
        features: tf.Tensor | None = None,
    ) -> tuple[tf.Tensor, ExplorationState]:
        del features
        policy = softmax(self._logits(outputs))
        if self._holds:
            choices = self._draw(policy, key, counter)
            choices, state = self.holding.explore(
                choices, epsilon, key, counter, state
            )
            return self._to_actions(choices), state
        share = epsilon / self._num_choices[:, None].astype(np.float32)
        uniform = tf.where(self._there, share, 0.0)
        mixed = (1.0 - epsilon) * policy + uniform
        return self._to_actions(self._draw(mixed, key, counter)), state

    def greedy(self, outputs: tf.Tensor) -> tf.Tensor:
        return self._to_actions(
            tf.argmax(self._logits(outputs), axis=-1, output_type=tf.int32)
        )

    def on_arrays(self) -> ArrayHead | None:
        if self._holds:
            return None
        return ArrayChoices(
            self.space, self._num_choices, self._there, self._array_logits
        )

    def loss(self, outputs: tf.Tensor, actions: tf.Tensor) -> tf.Tensor:
        index = tf.cast(actions, tf.int32) - tf.cast(self.space.first, tf.int32)
        losses = cross_entropy(
            self._logits(outputs),
            tf.reshape(index, (-1, len(self._num_choices))),
            self.entropy_coefficient,
        )
        return tf.reduce_sum(losses, axis=-1)

    def get_config(self) -> dict[str, Any]:
        return {
            "space": spaces.serialize(self.space),
            "persistence": self.holding.longest,
            "entropy_coefficient": self.entropy_coefficient,
        }

    @property
    def _holds(self) -> bool:
        return self.holding.longest > 1

    def _draw(
        self, policy: tf.Tensor, key: prng.Words, counter: prng.Words
    ) -> tf.Tensor:
        """Draws each choice, int32 `(N, C)`, from its distribution."""
        numbers = prng.uniform(key, counter, len(self._num_choices))
        bounds = tf.cumsum(policy, axis=-1)
        index = tf.reduce_sum(
            tf.cast(numbers[:, :, None] >= bounds, tf.int32), axis=-1
        )
        # Rounding may make the probabilities add up to less than 1.
        return tf.minimum(index, self._num_choices - 1)

    def _to_actions(self, choices: tf.Tensor) -> tf.Tensor:
        actions = tf.reshape(choices, (-1, *self.space.shape))
        first = tf.cast(self.space.first, self.space.dtype)
        return tf.cast(actions, self.space.dtype) + first
