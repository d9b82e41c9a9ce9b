"""Trajectories of which only the elites' steps are known."""

from typing import Any, NamedTuple, NoReturn

import numpy as np
import tensorflow as tf

from keras_cem import spaces
from keras_cem.engines.pairs import Pairs
from keras_cem.engines.trajectories import Chosen, Trajectories
from keras_cem.networks.moments import Moments, merged
from keras_cem.utils.tensors import Integer, Nest

_UNKNOWN = "Elite steps need all steps of all trajectories."


class EliteTrajectories(NamedTuple):
    """K trajectories: returns and lengths of all, steps of the elites.

    The steps are stored one after another, without padding between
    trajectories.

    Attributes:
        observations: `(N, ...)`, or a nest. The observations of N steps, before
            each action. N is at least 1; rows after the last step have no
            meaning.
        actions: `(N, ...)`, or a nest.
        returns: float32 `(K,)`, the episode returns.
        ranks: float32 `(K,)`, what ranks the trajectories.
        lengths: int32 `(K,)`, number of steps per trajectory.
        begins: int64 `(K,)`, the row of the first step of each elite. Without
            meaning for the others.
        chosen: The elites among the K trajectories, and those of a memory
            after them.
        groups: For each float leaf of the observations, the moments of groups
            of all K trajectories, as `moments.merged` takes them; `()` if they
            are not needed.
    """

    observations: Nest
    actions: Nest
    returns: Any
    ranks: Any
    lengths: Any
    begins: Any
    chosen: Chosen
    groups: Any = ()

    @property
    def num_steps(self) -> Integer:
        """N, the number of rows, int64."""
        return tf.shape(self._leaves[0], tf.int64)[0]

    @property
    def _leaves(self) -> list[tf.Tensor]:
        leaves: list[tf.Tensor] = tf.nest.flatten(self.actions)
        return leaves

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

    def ranked(self, discount: float) -> tf.Tensor:
        """Returns `ranks`, which were summed with the discount."""
        del discount
        return self.ranks

    def pairs(self, mask: tf.Tensor, *, drawn: bool) -> Pairs:
        """Returns the pairs of some elites, see `StoredPairs.pairs`."""
        del drawn
        return Pairs(self.lengths, mask, tf.int64, self._leaves[0].shape[0])

    def gather(
        self, trajectory: tf.Tensor, step: tf.Tensor
    ) -> tuple[Nest, Nest]:
        """Returns observations and actions of pairs of elites, `(B, ...)`."""
        rows = tf.gather(self.begins, trajectory) + tf.cast(step, tf.int64)
        return self._rows(rows)

    def _rows(self, rows: tf.Tensor) -> tuple[Nest, Nest]:
        # The rows of others than elites have no meaning.
        rows = tf.minimum(rows, self.num_steps - 1)
        observations, actions = tf.nest.map_structure(
            lambda leaf: tf.gather(leaf, rows),
            (self.observations, self.actions),
        )
        return observations, actions

    def take(self, rows: tf.Tensor) -> Trajectories:
        """Returns some of the trajectories; others than elites are empty.

        Args:
            rows: int32 `(B,)`.
        """
        lengths = tf.gather(self.lengths, rows)
        steps = tf.range(tf.reduce_max(lengths))
        inside = steps < lengths[:, tf.newaxis]
        begins = tf.gather(self.begins, rows)[:, tf.newaxis]
        observations, actions = self._rows(begins + tf.cast(steps, tf.int64))
        return Trajectories(
            observations,
            actions,
            tf.zeros(tf.shape(inside)),
            inside,
            tf.zeros(tf.shape(rows), tf.bool),
        )

    def moments(self, space: spaces.Space) -> list[Moments]:
        """Returns `Moments` of each float leaf of all K trajectories."""
        del space
        return [merged(Moments(*of_leaf)) for of_leaf in self.groups]

    @property
    def terminated(self) -> NoReturn:
        """Unknown, as all that elite steps need."""
        raise ValueError(_UNKNOWN)

    @property
    def step_rewards(self) -> NoReturn:
        """Unknown, see `terminated`."""
        raise ValueError(_UNKNOWN)

    @property
    def final_observations(self) -> NoReturn:
        """Unknown, see `terminated`."""
        raise ValueError(_UNKNOWN)

    def step_pairs(self, mask: tf.Tensor) -> NoReturn:
        """Unknown, see `terminated`."""
        del mask
        raise ValueError(_UNKNOWN)


def assembled(
    steps: tuple[Nest, Nest],
    sums: tuple[np.ndarray, np.ndarray],
    lengths: np.ndarray,
    chosen: Chosen,
    *,
    groups: Any = (),
    num_rows: int | None = None,
) -> EliteTrajectories:
    """Returns trajectories from the steps of their elites.

    Args:
        steps: Observations and actions `(N, ...)` of all steps of the elites
            among the K trajectories, in their order.
        sums: float32 `(K,)` each: the returns, and what ranks the trajectories.
        lengths: int32 `(K,)`, number of steps per trajectory.
        chosen: The elites.
        groups: As in `EliteTrajectories`.
        num_rows: Number of rows to which the steps are padded. Defaults to
            `None`: N, but at least 1.
    """
    elite = np.asarray(chosen.mask)[: len(lengths)]
    stored = np.where(elite, lengths, 0).astype(np.int64)
    missing = (num_rows or max(int(stored.sum()), 1)) - int(stored.sum())
    observations, actions = tf.nest.map_structure(
        lambda leaf: np.pad(
            leaf, [(0, missing), *([(0, 0)] * (leaf.ndim - 1))]
        ),
        steps,
    )
    begins = np.cumsum(stored) - stored
    return EliteTrajectories(
        observations, actions, *sums, lengths, begins, chosen, groups
    )
