"""Episodes of an in-graph environment, as a compiled step leaves them."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from keras_cem import spaces
from keras_cem.engines.trajectories import Trajectories
from keras_cem.envs.base import Environment
from keras_cem.networks.moments import Moments, of_batch


class GraphTrajectories(NamedTuple):
    """K episodes as the compiled loop leaves them.

    States are stored rather than observations, time first and trajectories
    last, vector by vector: this is what XLA writes fastest, and what takes the
    least memory.

    Attributes:
        env: The environment, to observe states.
        states: Its state, each leaf `(T, K)`, or `(T, K, ...)` where it is not
            a vector.
        actions: `(T, K, ...)`, or a nest of such as the space is.
        rewards: float32 `(T, K)`, or None if they were not asked for.
        returns: float32 `(K,)`.
        discounted: float32 `(K,)`, sums of discount^t r_t.
        lengths: int32 `(K,)`.
        terminated: bool `(K,)`.
        faults: int32 `(K,)`, what was not finite in the last step of an
            episode: 0, nothing; else one of `FAULTS`, counted from 1.
    """

    env: Environment
    states: Any
    actions: Any
    rewards: tf.Tensor | None
    returns: tf.Tensor
    discounted: tf.Tensor
    lengths: tf.Tensor
    terminated: tf.Tensor
    faults: tf.Tensor

    @property
    def num_steps(self) -> int:
        """K times T, padding included."""
        steps, size = self._num_rows
        return size * steps

    @property
    def max_steps(self) -> int:
        """T."""
        return self._num_rows[0]

    @property
    def _num_rows(self) -> tuple[int, int]:
        """T and K."""
        steps, size = tf.nest.flatten(self.actions)[0].shape[:2]
        return int(steps), int(size)

    def gather(self, trajectory: tf.Tensor, step: tf.Tensor) -> tuple[Any, Any]:
        """Returns observations and actions of pairs, `(B, ...)`."""
        where = tf.stack([step, trajectory], axis=-1)
        states, actions = tf.nest.map_structure(
            lambda leaf: tf.gather_nd(leaf, where), (self.states, self.actions)
        )
        return self.env.observe(states), actions

    def take(self, rows: tf.Tensor) -> Trajectories:
        """Returns some of the trajectories, all steps of them observed."""
        states, actions = tf.nest.map_structure(
            lambda leaf: tf.gather(leaf, rows, axis=1),
            (self.states, self.actions),
        )
        return self._replace(
            states=states,
            actions=actions,
            rewards=None,
            lengths=tf.gather(self.lengths, rows),
            terminated=tf.gather(self.terminated, rows),
        ).to_trajectories()

    def moments(self, space: spaces.Space) -> list[Moments]:
        """Moments of the observations in all real steps, one step at a time.

        See `Trajectories.moments`. Episodes that are not finite are left out.
        """
        lengths = tf.where(tf.equal(self.faults, 0), self.lengths, 0)

        def body(step: tf.Tensor, sofar: list[Moments]) -> Any:
            states = tf.nest.map_structure(
                lambda leaf: tf.gather(leaf, step), self.states
            )
            leaves = spaces.float_leaves(space, self.env.observe(states))
            counts = step < lengths
            return step + 1, [
                moments.merge(of_batch(leaf, counts))
                for moments, leaf in zip(sofar, leaves, strict=True)
            ]

        nothing = [
            Moments.nothing(leaf.shape)
            for leaf in spaces.float_leaves(space, space.pack(space.leaves))
        ]
        longest = tf.reduce_max(lengths)
        _, found = tf.while_loop(
            lambda step, sofar: step < longest,
            body,
            (tf.constant(0), nothing),
        )
        return found

    def _told_rewards(self) -> tf.Tensor:
        """Rewards `(K, T)`; NaN is the last one of what was not finite."""
        steps, _ = self._num_rows
        last = tf.equal(tf.range(steps), self.lengths[:, None] - 1)
        bad = last & (self.faults[:, None] > 0)
        return tf.where(bad, np.nan, tf.transpose(self.rewards))

    def to_trajectories(self) -> Trajectories:
        """Returns them as `Trajectories`, trajectories first."""
        steps, size = self._num_rows
        action_space = self.env.action_space
        flat = tf.nest.map_structure(
            lambda leaf: tf.reshape(
                tf.experimental.numpy.swapaxes(leaf, 0, 1),
                (-1, *leaf.shape[2:]),
            ),
            self.states,
        )
        observations = self.env.observe(flat)
        return Trajectories(
            observations=tf.nest.map_structure(
                lambda leaf: tf.reshape(leaf, (size, steps, *leaf.shape[1:])),
                observations,
            ),
            actions=cast_leaves(
                action_space,
                tf.nest.map_structure(
                    lambda leaf: tf.experimental.numpy.swapaxes(leaf, 0, 1),
                    self.actions,
                ),
                [leaf.dtype for leaf in action_space.leaves],
            ),
            rewards=None if self.rewards is None else self._told_rewards(),
            mask=tf.range(steps) < self.lengths[:, None],
            terminated=self.terminated,
        )


def storage_dtype(leaf: spaces.Leaf) -> np.dtype:
    """Returns the smallest type that holds every action of `leaf`."""
    if not isinstance(leaf, spaces.Integers):
        return leaf.dtype
    least, most = np.min(leaf.first), np.max(leaf.last)
    for name in ("int8", "int16", "int32"):
        dtype = np.dtype(name)
        if np.iinfo(dtype).min <= least and most <= np.iinfo(dtype).max:
            return dtype
    return leaf.dtype


def cast_leaves(
    space: spaces.Space, actions: Any, dtypes: Sequence[np.dtype]
) -> Any:
    """Returns actions with each leaf cast to a dtype."""
    leaves = zip(space.flatten(actions), dtypes, strict=True)
    return space.pack([tf.cast(leaf, dtype) for leaf, dtype in leaves])
