"""Trajectories with their returns, added up step by step."""

from typing import Any, NamedTuple

import tensorflow as tf

from keras_cem import spaces
from keras_cem.engines.pairs import Pairs
from keras_cem.engines.returns import (
    constant_discount,
    discount_weights,
    sums,
)
from keras_cem.engines.trajectories import Chosen, Trajectories
from keras_cem.networks.moments import Moments
from keras_cem.utils.tensors import Integer, Nest


class SummedTrajectories(NamedTuple):
    """Trajectories played or read outside of the step, and their returns.

    The returns are sums in float64, step by step, as in the graph engine. So
    they depend neither on padding nor on what else was played.

    Attributes:
        steps: The K trajectories.
        returns: float32 `(K,)`, the episode returns.
        discounted: float32 `(K,)`, the sums of discount^t r_t.
    """

    steps: Trajectories
    returns: Any
    discounted: Any

    @property
    def lengths(self) -> tf.Tensor:
        """Number of steps per trajectory, int32 `(K,)`."""
        return self.steps.lengths

    @property
    def num_steps(self) -> Integer:
        """K times T, the number of steps including padding."""
        return self.steps.num_steps

    @property
    def block_size(self) -> None:
        """None: a loss takes all pairs at once."""
        return self.steps.block_size

    @property
    def faults(self) -> None:
        """None: the engine has checked the values, step by step."""
        return self.steps.faults

    @property
    def counts_env_steps(self) -> bool:
        """Whether the steps were taken in an environment."""
        return self.steps.counts_env_steps

    @property
    def chosen(self) -> Chosen | None:
        """None: all steps are there, so that elites are chosen in the step."""
        return None

    def ranked(self, discount: float) -> tf.Tensor:
        """Returns what ranks the trajectories.

        Args:
            discount: The discount of `discounted`.
        """
        return self.returns if discount == 1.0 else self.discounted

    def pairs(self, mask: tf.Tensor, *, drawn: bool) -> Pairs:
        """Returns the pairs of some trajectories, see `StoredPairs.pairs`."""
        return self.steps.pairs(mask, drawn=drawn)

    def gather(
        self, trajectory: tf.Tensor, step: tf.Tensor
    ) -> tuple[Nest, Nest]:
        """Returns observations and actions of pairs, `(B, ...)`."""
        return self.steps.gather(trajectory, step)

    def take(self, rows: tf.Tensor) -> Trajectories:
        """Returns some of the trajectories."""
        return self.steps.take(rows)

    def moments(self, space: spaces.Space) -> list[Moments]:
        """Returns `Moments` of each float leaf of the observations."""
        return self.steps.moments(space)

    @property
    def terminated(self) -> tf.Tensor:
        """Whether each trajectory terminated, bool `(K,)`."""
        return self.steps.terminated

    @property
    def step_rewards(self) -> tf.Tensor:
        """Rewards `(T, K)`."""
        return self.steps.step_rewards

    @property
    def final_observations(self) -> Nest:
        """Observations after the last steps, a nest of `(K, ...)`."""
        return self.steps.final_observations

    def step_pairs(self, mask: tf.Tensor) -> Pairs:
        """Returns the pairs of some steps, see `Played.step_pairs`."""
        return self.steps.step_pairs(mask)


def summed(played: Trajectories, discount: float) -> SummedTrajectories:
    """Returns trajectories with their returns.

    Args:
        played: K trajectories of NumPy arrays.
        discount: Factor gamma in (0, 1].
    """
    returns = discounted = played.returns
    gamma = constant_discount(discount)
    if gamma is not None:
        steps = tf.range(played.rewards.shape[1])
        weights = discount_weights(gamma, steps).numpy()
        discounted = sums(played.rewards, played.mask, weights)
    return SummedTrajectories(played, returns, discounted)
