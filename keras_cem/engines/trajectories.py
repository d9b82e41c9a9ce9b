"""Trajectories: the recorded steps of K episodes."""

from typing import Any, NamedTuple, Protocol

import numpy as np
import tensorflow as tf

from keras_cem import spaces
from keras_cem.engines.description import describe
from keras_cem.engines.pairs import Pairs, PairsOfSteps
from keras_cem.engines.returns import (
    constant_discount,
    discount_weights,
    sums,
)
from keras_cem.networks.moments import Moments, of_trajectories
from keras_cem.utils.tensors import Array, Integer, Nest, Number

# What elite steps keep per step: reward, value, advantage, target, whether it
# is real and elite, and its number among the elites.
STEP_BYTES = 4 * 4 + 2 * 1 + 4


class Chosen(NamedTuple):
    """Which candidates are elites.

    Attributes:
        gamma_q: The elite threshold, a float32 scalar, or one per group.
        mask: bool, true for each candidate that is elite.
    """

    gamma_q: tf.Tensor
    mask: tf.Tensor


class StoredSteps(Protocol):
    """Trajectories whose pairs (s, a) can be read."""

    @property
    def lengths(self) -> tf.Tensor:
        """Number of steps per trajectory, int32 `(K,)`."""

    @property
    def num_steps(self) -> Integer:
        """K times T, the number of steps including padding."""

    def gather(
        self, trajectory: tf.Tensor, step: tf.Tensor
    ) -> tuple[Nest, Nest]:
        """Returns the observations and actions of some pairs.

        Args:
            trajectory: int32 tensor `(B,)`.
            step: int32 tensor `(B,)`.

        Returns:
            Two nests of tensors `(B, ...)`.
        """


class StoredPairs(StoredSteps, Protocol):
    """Trajectories whose pairs (s, a) can be chosen, too."""

    @property
    def block_size(self) -> int | None:
        """Number of pairs per block, if a loss sums over blocks of pairs.

        None if all pairs are taken at once.
        """

    def pairs(self, mask: tf.Tensor, *, drawn: bool) -> Pairs:
        """Returns the pairs of some trajectories, numbered from 0.

        Args:
            mask: bool `(K,)`, true for the chosen trajectories.
            drawn: Whether pairs will be drawn at random. If false, all are
                taken, in the order that reads them fastest.
        """


class Played(StoredPairs, Protocol):
    """K trajectories of one iteration, however an engine stores them."""

    @property
    def returns(self) -> tf.Tensor:
        """Episode return of each trajectory, float32 `(K,)`."""

    @property
    def faults(self) -> tf.Tensor | None:
        """Code of a nonfinite value per trajectory, int32 `(K,)`; 0 for none.

        None if the engine has raised or left out nonfinite values already.
        """

    @property
    def counts_env_steps(self) -> bool:
        """Whether the steps were taken in an environment."""

    @property
    def chosen(self) -> Chosen | None:
        """The elites, if they were chosen before their steps were fetched."""

    def ranked(self, discount: float) -> tf.Tensor:
        """Returns what ranks the trajectories, float32 `(K,)`.

        Args:
            discount: Factor gamma in (0, 1] of the sums of gamma^t r_t.
        """

    def take(self, rows: tf.Tensor) -> "Trajectories":
        """Returns some of the trajectories; `rows` is int32 `(B,)`."""

    def moments(self, space: spaces.Space) -> list[Moments]:
        """Returns `Moments` of each float leaf of the observations."""

    @property
    def terminated(self) -> tf.Tensor:
        """Whether each trajectory terminated, bool `(K,)`."""

    @property
    def step_rewards(self) -> tf.Tensor:
        """Rewards, float32 `(T, K)`; without meaning after the end."""

    @property
    def final_observations(self) -> Any:
        """Observations after the last steps, a nest of `(K, ...)`."""

    def step_pairs(self, mask: tf.Tensor) -> Pairs:
        """Returns the pairs of some steps; `mask` is bool `(T, K)`."""


class Trajectories(NamedTuple):
    """K recorded episodes, padded to the same T steps.

    If episodes are truncated after at most 4,096 steps, T is that limit. With
    a larger limit, T depends on the longest episode: it is the limit, or 256
    times a power of two.

    The entries are NumPy arrays or tensors. Step t of trajectory k is real if
    `mask[k, t]` is true. Other entries have no meaning. A trajectory ends at
    the first nonfinite value. Its last reward is then NaN or infinite, and so
    is its return.

    Attributes:
        observations: Array `(K, T, ...)`, or a nest of arrays in the structure
            of the space. The observations before each action.
        actions: Array `(K, T, ...)`, or a nest of arrays. The executed actions,
            in the environment's own format. If an agent with
            `imitate="drawn"` explores, they are the drawn actions; the
            environment gets the clipped ones.
        rewards: float32 array `(K, T)`.
        mask: bool array `(K, T)`; true for the real steps, which are the first
            steps of each row.
        terminated: bool array `(K,)`; false for a truncated episode.
        final_observations: Array `(K, ...)`, or a nest of arrays. The
            observations after the last action, before any reset. They have no
            meaning where a trajectory ended with a nonfinite value. `()` if
            they are not known.
    """

    observations: Nest
    actions: Nest
    rewards: Array
    mask: Array
    terminated: Array
    final_observations: Nest = ()

    def __repr__(self) -> str:
        """Describes the trajectories in three lines."""
        return describe(self)

    @property
    def returns(self) -> Any:
        """Episode return of each trajectory, float32 `(K,)`.

        Rewards are summed in float64, as in the graph engine.
        """
        if isinstance(self.rewards, np.ndarray):
            return sums(self.rewards, self.mask)
        return self._sums(tf.cast(self.rewards, tf.float64))

    def ranked(self, discount: float) -> tf.Tensor:
        """Returns what ranks the trajectories: their discounted returns."""
        gamma = constant_discount(discount)
        return self.returns if gamma is None else self.discounted_returns(gamma)

    def discounted_returns(self, discount: Number) -> tf.Tensor:
        """Returns the sums of discount^t r_t, float32 `(K,)`.

        Args:
            discount: A number or a float64 scalar.
        """
        weights = discount_weights(
            discount, tf.range(tf.shape(self.rewards)[1])
        )
        return self._sums(
            tf.cast(self.rewards, tf.float64) * tf.cast(weights, tf.float64)
        )

    def _sums(self, terms: tf.Tensor) -> tf.Tensor:
        total = tf.reduce_sum(tf.where(self.mask, terms, 0.0), axis=1)
        return tf.cast(total, tf.float32)

    @property
    def lengths(self) -> Any:
        """Number of steps of each trajectory, int32 `(K,)`."""
        if isinstance(self.mask, np.ndarray):
            return self.mask.sum(axis=1, dtype=np.int32)
        return tf.reduce_sum(tf.cast(self.mask, tf.int32), axis=1)

    @property
    def num_steps(self) -> Integer:
        """K times T, the number of steps including padding, int64."""
        return tf.size(self.mask, tf.int64)

    @property
    def block_size(self) -> None:
        """None: a loss takes all pairs at once."""
        return None

    @property
    def faults(self) -> None:
        """None: the engine has checked the values, step by step."""
        return None

    @property
    def counts_env_steps(self) -> bool:
        """Whether the steps were taken in an environment."""
        return True

    @property
    def chosen(self) -> None:
        """None: the elites are chosen in the step."""
        return None

    def pairs(self, mask: tf.Tensor, *, drawn: bool) -> Pairs:
        """Returns the pairs of some trajectories, see `StoredPairs.pairs`."""
        del drawn
        return Pairs(self.lengths, mask, tf.int64, self._most)

    def step_pairs(self, mask: tf.Tensor) -> Pairs:
        """Returns the pairs of some steps, see `Played.step_pairs`."""
        return PairsOfSteps(mask, tf.int64, self._most)

    @property
    def _most(self) -> int | None:
        """K times T if it is known while a step is traced, as XLA needs it."""
        size: int | None = tf.convert_to_tensor(self.mask).shape.num_elements()
        return size

    @property
    def step_rewards(self) -> tf.Tensor:
        """Rewards with the time axis first, `(T, K)`."""
        return tf.transpose(self.rewards)

    def take(self, rows: tf.Tensor) -> "Trajectories":
        """Returns some of the trajectories.

        Args:
            rows: int32 tensor `(B,)`.
        """
        taken: Trajectories = tf.nest.map_structure(
            lambda leaf: tf.gather(leaf, rows), self
        )
        return taken

    def moments(self, space: spaces.Space) -> list[Moments]:
        """Moments of the observations in all real steps.

        They are computed for `moments.GROUP_SIZE` trajectories at a time.

        Args:
            space: Space of one observation.

        Returns:
            `Moments` of each float leaf of the space.
        """
        return [
            of_trajectories(leaf, self.mask)
            for leaf in spaces.float_leaves(space, self.observations)
        ]

    def gather(
        self, trajectory: tf.Tensor, step: tf.Tensor
    ) -> tuple[Nest, Nest]:
        """Returns the observations and actions of some pairs.

        Args:
            trajectory: int32 tensor `(B,)`.
            step: int32 tensor `(B,)`.

        Returns:
            Two nests of tensors `(B, ...)`.
        """
        where = tf.stack([trajectory, step], axis=-1)
        observations, actions = tf.nest.map_structure(
            lambda leaf: tf.gather_nd(leaf, where),
            (self.observations, self.actions),
        )
        return observations, actions
