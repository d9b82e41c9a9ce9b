"""Rollouts inside the compiled step: K episodes of an in-graph environment.

Everything is keyed by (seed, iteration, trajectory, step), so results depend
neither on `steps_per_execution` nor on when the loop ends.
"""

import dataclasses
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from keras_cem import heads, prng, spaces
from keras_cem.envs.base import Environment
from keras_cem.moments import Moments, of_batch
from keras_cem.rollouts.acting import compilable
from keras_cem.rollouts.finite import finite_rows
from keras_cem.rollouts.groups import NO_GROUPS, Groups
from keras_cem.trajectories import Trajectories

# What may fail to be finite, in the order in which a step makes it. An episode
# ends where something is not.
FAULTS = ("observation", "policy's output", "reward")


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
            actions=_cast_leaves(
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


@dataclasses.dataclass(frozen=True)
class GraphSource:
    """An in-graph environment, ready to be played inside a compiled step.

    Attributes:
        env: The environment.
        batch_size: K.
        max_episode_steps: T, after which every episode is truncated.
    """

    env: Environment
    batch_size: int
    max_episode_steps: int

    @property
    def name(self) -> str:
        """What error messages call the environment."""
        return self.env.id

    @property
    def observation_space(self) -> spaces.Space:
        """Space of one observation."""
        return self.env.observation_space

    @property
    def action_space(self) -> spaces.Space:
        """Space of one action."""
        return self.env.action_space

    @property
    def seeded(self) -> bool:
        """Whether equal seeds make equal starts."""
        return True

    @property
    def key(self) -> tuple[Any, ...]:
        """What a compiled step depends on."""
        return (
            type(self.env),
            repr(self.env),
            self.batch_size,
            self.max_episode_steps,
        )

    def compilable(self, policy: Any) -> bool:
        """Whether XLA can compile it with a policy; warns if it cannot."""
        return compilable(policy, self.observation_space, self.batch_size)

    def play(
        self,
        policy: Any,
        head: heads.Head,
        *,
        numbers: tuple[Any, int, Any],
        epsilon: tf.Tensor | None,
        first: Any = 0,
        store: bool = True,
        store_rewards: bool = False,
        groups: Groups = NO_GROUPS,
        discount: float = 1.0,
    ) -> GraphTrajectories:
        """Plays K episodes; to be called inside of a compiled function.

        Args:
            policy: Callable layer from observations to outputs.
            head: Head of the action space.
            numbers: Seed, stream of the resets, and iteration.
            epsilon: How much to explore; None acts greedily.
            first: Number of the first trajectory. Defaults to `0`.
            store: Whether states and actions are kept. Defaults to `True`.
            store_rewards: Whether rewards are. Defaults to `False`.
            groups: Which trajectories belong together; none if not given.
            discount: Of `discounted`. Defaults to `1.0`.
        """
        return _Loop(
            self, policy, head, numbers, epsilon, groups, discount
        ).run(first, store, store_rewards)

    def close(self) -> None:
        """Nothing is open."""


class _Loop:
    """The loop over the steps of K episodes."""

    def __init__(
        self,
        source: GraphSource,
        policy: Any,
        head: heads.Head,
        numbers: tuple[Any, int, Any],
        epsilon: tf.Tensor | None,
        groups: Groups,
        discount: float,
    ):
        seed, stream, iteration = numbers
        self._source = source
        self._env = source.env
        self._policy = policy
        self._head = head
        self._epsilon = epsilon
        self._groups = groups
        self._discount = discount
        self._reset_key = prng.make_key(seed, stream, iteration, rolled=True)
        self._step_key = prng.fold_in(self._reset_key, 1)
        self._exploration = prng.make_key(
            seed, prng.EXPLORATION, iteration, rolled=True
        )
        self._action_dtypes = [
            storage_dtype(leaf) for leaf in source.action_space.leaves
        ]

    def run(
        self, first: Any, store: bool, store_rewards: bool
    ) -> GraphTrajectories:
        size, steps = self._source.batch_size, self._source.max_episode_steps
        rows = tf.cast(first, tf.uint32) + tf.cast(tf.range(size), tf.uint32)
        starts = rows // self._groups.per_start
        start = (starts, tf.zeros_like(rows))
        state = self._env.initial(
            prng.threefry2x32(self._reset_key, start, rolled=True)
        )
        kept = {
            "states": state if store else (),
            "actions": self._no_actions(size) if store else (),
            "rewards": tf.zeros(size) if store_rewards else (),
        }
        arrays = tf.nest.map_structure(
            lambda leaf: tf.TensorArray(
                leaf.dtype, steps, element_shape=leaf.shape
            ),
            kept,
        )

        def body(
            step: Any,
            state: Any,
            explored: Any,
            live: Any,
            totals: Any,
            arrays: Any,
        ) -> Any:
            counter = (rows, tf.fill([size], tf.cast(step, tf.uint32)))
            observations = self._env.observe(state)
            outputs = self._policy(observations, training=False)
            if self._epsilon is None:
                actions = self._head.greedy(outputs)
            else:
                actions, explored = self._head.explore(
                    outputs,
                    self._epsilon,
                    self._exploration,
                    self._groups.counter(
                        *counter,
                        self._env.observation_space.flatten(observations),
                    ),
                    explored,
                )
            actions = _cast_leaves(
                self._source.action_space, actions, self._action_dtypes
            )
            following, rewards, terminated = self._env.transition(
                state, actions, prng.threefry2x32(self._step_key, counter)
            )
            returns, discounted, lengths, over, faults = totals
            fault = tf.where(live, _fault(observations, outputs, rewards), 0)
            totals = (
                returns + tf.where(live, rewards, 0.0),
                self._add_discounted(discounted, step, live, rewards),
                lengths + tf.cast(live, tf.int32),
                over | (live & terminated),
                faults + fault,
            )
            written = {
                "states": state if store else (),
                "actions": actions if store else (),
                "rewards": rewards if store_rewards else (),
            }
            arrays = tf.nest.map_structure(
                lambda array, value: array.write(step, value), arrays, written
            )
            ended = terminated | self._env.truncated(following)
            live &= ~ended & tf.equal(fault, 0)
            return step + 1, following, explored, live, totals, arrays

        _, _, _, _, totals, arrays = tf.while_loop(
            lambda step, state, explored, live, totals, arrays: (
                (step < steps) & tf.reduce_any(live)
            ),
            body,
            (
                tf.constant(0),
                state,
                ()
                if self._epsilon is None
                else self._head.initial_exploration(size),
                tf.ones(size, tf.bool),
                (
                    tf.zeros(size),
                    () if self._discount == 1.0 else tf.zeros(size),
                    tf.zeros(size, tf.int32),
                    tf.zeros(size, tf.bool),
                    tf.zeros(size, tf.int32),
                ),
                arrays,
            ),
            # One step after the other, where the environment has variables.
            parallel_iterations=1 if self._env.stateful else 10,
        )
        returns, discounted, lengths, terminated, faults = totals
        # The return tells what to leave out, as it does on the host.
        returns = tf.where(tf.equal(faults, 0), returns, np.nan)
        if self._discount != 1.0:
            discounted = tf.where(tf.equal(faults, 0), discounted, np.nan)
        stacked = tf.nest.map_structure(lambda array: array.stack(), arrays)
        return GraphTrajectories(
            self._env,
            stacked["states"],
            stacked["actions"],
            stacked["rewards"] if store_rewards else None,
            returns,
            returns if self._discount == 1.0 else discounted,
            lengths,
            terminated,
            faults,
        )

    def _no_actions(self, size: int) -> Any:
        space = self._source.action_space
        leaves = zip(space.leaves, self._action_dtypes, strict=True)
        return space.pack(
            [tf.zeros((size, *leaf.shape), dtype) for leaf, dtype in leaves]
        )

    def _add_discounted(
        self, discounted: Any, step: Any, live: tf.Tensor, rewards: tf.Tensor
    ) -> Any:
        if self._discount == 1.0:
            return ()
        factor = tf.constant(self._discount, tf.float64) ** tf.cast(
            step, tf.float64
        )
        rewards *= tf.cast(factor, tf.float32)
        return discounted + tf.where(live, rewards, 0.0)


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


def _cast_leaves(
    space: spaces.Space, actions: Any, dtypes: Sequence[np.dtype]
) -> Any:
    leaves = zip(space.flatten(actions), dtypes, strict=True)
    return space.pack([tf.cast(leaf, dtype) for leaf, dtype in leaves])


def _fault(*made: Any) -> tf.Tensor:
    """Number of the first of what a step made that is not finite, per row."""
    fault = tf.constant(0)
    for number, batch in reversed(list(enumerate(made, 1))):
        # Integers are finite.
        if any(leaf.dtype.is_floating for leaf in tf.nest.flatten(batch)):
            fault = tf.where(finite_rows(batch), fault, number)
    return fault
