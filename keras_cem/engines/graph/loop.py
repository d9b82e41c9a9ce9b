"""The loop over the steps of K episodes, inside a compiled step."""

from collections.abc import Callable
from typing import Any, NamedTuple

import tensorflow as tf

from keras_cem import heads, prng
from keras_cem.engines import trajectories
from keras_cem.engines.graph import blocks
from keras_cem.engines.graph.fused_dense import fused
from keras_cem.engines.graph.trajectories import (
    GraphTrajectories,
    cast_leaves,
    storage_dtype,
)
from keras_cem.engines.groups import Groups
from keras_cem.engines.policies import Policy
from keras_cem.envs.base import Environment
from keras_cem.heads.base import ExplorationState
from keras_cem.networks import state_features
from keras_cem.utils import nonfinite
from keras_cem.utils.tensors import Integer, Nest


class Totals(NamedTuple):
    """What the loop adds up per episode, K of them.

    Returns are summed in float64, as in `Trajectories`. In float32, 10^5
    rewards of 0.1 sum to 9998.56.

    Attributes:
        returns: float64 `(K,)`.
        discounted: float64 `(K,)`, sums of discount^t r_t; `()` without a
            discount.
        lengths: int32 `(K,)`, number of steps.
        terminated: bool `(K,)`.
        faults: int32 `(K,)`, a `nonfinite.Fault`, or 0.
        final: States after the last steps; `()` if they are not stored.
    """

    returns: tf.Tensor
    discounted: tf.Tensor
    lengths: tf.Tensor
    terminated: tf.Tensor
    faults: tf.Tensor
    final: Nest


class GraphLoop:
    """The loop over the steps of K episodes.

    Args:
        env: The environment.
        policy: Callable layer from observations to outputs.
        head: Head of the action space.
        numbers: Seed, random stream of the resets, and iteration.
        epsilon: Amount of exploration; None acts greedily.
        groups: Groups of trajectories.
        discount: float64 scalar; None if returns are not discounted.
        fuse: Whether `keras_cem.engines.graph.fused_dense` computes small
            dense layers.
    """

    def __init__(
        self,
        env: Environment[Any],
        policy: Policy,
        head: heads.Head,
        numbers: tuple[Integer, Integer, Integer],
        epsilon: tf.Tensor | None,
        groups: Groups,
        discount: tf.Tensor | None,
        fuse: bool,
    ):
        seed, stream, iteration = numbers
        self._env = env
        self._policy = policy
        self._function = fused(policy) if fuse else policy
        self._head = head
        self._epsilon = epsilon
        self._groups = groups
        self._discount = discount
        self._reset_key = prng.make_key(seed, stream, iteration, rolled=True)
        self._step_key = prng.fold_in(
            self._reset_key, prng.SubStream.ENVIRONMENT_STEPS
        )
        self._exploration = prng.make_key(
            seed, prng.EXPLORATION, iteration, rolled=True
        )
        self._action_dtypes = [
            storage_dtype(leaf) for leaf in env.action_space.leaves
        ]

    def run(
        self, rows: tf.Tensor, steps: int, store: bool, store_rewards: bool
    ) -> GraphTrajectories:
        """Plays the episodes.

        Args:
            rows: uint32 `(K,)`, numbers of the trajectories.
            steps: T. Every episode is truncated after T steps.
            store: Whether to store states and actions.
            store_rewards: Whether to store rewards and the states after the
                last steps.
        """
        size = blocks.rows_at_once(rows.shape[0], self._env)
        in_blocks = tf.reshape(rows, (-1, size))
        count = in_blocks.shape[0]
        states = tf.nest.map_structure(
            lambda leaf: tf.reshape(leaf, (count, size, *leaf.shape[1:])),
            self._start(rows),
        )

        def keep(
            states: Nest, actions: Nest, rewards: tf.Tensor
        ) -> dict[str, Nest]:
            return {
                "states": states if store else (),
                "actions": actions if store else (),
                "rewards": rewards if store_rewards else (),
            }

        def body(
            number: tf.Tensor, kept: dict[str, Nest], totals: Totals
        ) -> tuple[tf.Tensor, dict[str, Nest], Totals]:
            rows, state = tf.nest.map_structure(
                lambda leaf: tf.gather(leaf, number), (in_blocks, states)
            )
            # The order is by step, then by block. Stacked, this is `(T, K)`
            # without a copy.
            kept, summed = self._play(
                rows,
                state,
                steps,
                store_rewards,
                kept,
                lambda kept, step, *made: blocks.write(
                    kept, step * count + number, keep(*made)
                ),
            )
            return number + 1, kept, blocks.write(totals, number, summed)

        nothing = (
            tf.constant(0),
            blocks.arrays(
                keep(
                    tf.nest.map_structure(lambda leaf: leaf[0], states),
                    self._no_actions(size),
                    tf.zeros(size),
                ),
                steps * count,
            ),
            blocks.arrays(
                self._no_totals(
                    size,
                    tf.nest.map_structure(lambda leaf: leaf[0], states)
                    if store_rewards
                    else (),
                ),
                count,
            ),
        )
        _, kept, totals = (
            body(*nothing)
            if count == 1
            else tf.while_loop(
                lambda number, *_: number < count,
                body,
                nothing,
                parallel_iterations=1,
            )
        )
        stacked = blocks.stack(kept, (steps, rows.shape[0]))
        totals = blocks.stack(totals, (rows.shape[0],))
        # A NaN return marks a trajectory to leave out, as on the host.
        returns = nonfinite.marked(
            tf.cast(totals.returns, tf.float32), totals.faults
        )
        discounted = returns
        if self._discount is not None:
            discounted = nonfinite.marked(
                tf.cast(totals.discounted, tf.float32), totals.faults
            )
        return GraphTrajectories(
            self._env,
            stacked["states"],
            stacked["actions"],
            stacked["rewards"] if store_rewards else None,
            returns,
            discounted,
            totals.lengths,
            totals.terminated,
            totals.faults,
            totals.final,
        )

    def _play(
        self,
        rows: tf.Tensor,
        state: Nest,
        steps: int,
        keep_final: bool,
        kept: dict[str, Nest],
        write: Callable[..., dict[str, Nest]],
    ) -> tuple[dict[str, Nest], Totals]:
        """Plays one block; returns the stored arrays and the totals.

        Args:
            rows: uint32 `(rows,)`, numbers of the trajectories.
            state: Start states of the environment.
            steps: T, the maximum number of steps.
            keep_final: Whether to return the states after the last steps.
            kept: Arrays for the stored values.
            write: Function of the arrays, the step, and its states, actions and
                rewards. It returns the arrays with the step written.
        """
        size = rows.shape[0]

        def body(
            step: tf.Tensor,
            state: Nest,
            explored: ExplorationState,
            live: tf.Tensor,
            totals: Totals,
            kept: dict[str, Nest],
        ) -> tuple[
            tf.Tensor,
            Nest,
            ExplorationState,
            tf.Tensor,
            Totals,
            dict[str, Nest],
        ]:
            counter = (rows, tf.fill([size], tf.cast(step, tf.uint32)))
            observations = self._env.observe(state)
            outputs = self._function(observations, training=False)
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
                    state_features.observed(
                        self._head,
                        self._policy,
                        self._env.observation_space,
                        observations,
                    ),
                )
            actions = cast_leaves(
                self._env.action_space, actions, self._action_dtypes
            )
            played = actions
            if self._epsilon is not None:
                played = self._head.playable(actions)
            following, rewards, terminated = self._env.transition(
                state, played, prng.threefry2x32(self._step_key, counter)
            )
            fault = tf.where(
                live, nonfinite.first_faults(observations, outputs, rewards), 0
            )
            rewarded = tf.where(live, tf.cast(rewards, tf.float64), 0.0)
            totals = Totals(
                totals.returns + rewarded,
                self._add_discounted(totals.discounted, step, rewarded),
                totals.lengths + tf.cast(live, tf.int32),
                totals.terminated | (live & terminated),
                totals.faults + fault,
                _where(live, following, totals.final) if keep_final else (),
            )
            kept = write(kept, step, state, actions, rewards)
            ended = terminated | self._env.truncated(following)
            live &= ~ended & tf.equal(fault, 0)
            return step + 1, following, explored, live, totals, kept

        *_, totals, kept = tf.while_loop(
            lambda step, state, explored, live, totals, kept: (
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
                self._no_totals(size, state if keep_final else ()),
                kept,
            ),
            # Variables of a stateful environment need steps in sequence.
            parallel_iterations=1 if self._env.stateful else 10,
        )
        return kept, totals

    def _start(self, rows: tf.Tensor) -> Nest:
        starts = (rows // self._groups.per_start, tf.zeros_like(rows))
        return self._env.initial(
            prng.threefry2x32(self._reset_key, starts, rolled=True)
        )

    def _no_totals(self, size: int, state: Nest) -> Totals:
        """Returns the totals of `size` episodes before the first step.

        Args:
            size: Number of episodes.
            state: Start states, or `()` to keep no states.
        """
        return Totals(
            tf.zeros(size, tf.float64),
            () if self._discount is None else tf.zeros(size, tf.float64),
            tf.zeros(size, tf.int32),
            tf.zeros(size, tf.bool),
            tf.zeros(size, tf.int32),
            state,
        )

    def _no_actions(self, size: int) -> Nest:
        space = self._env.action_space
        leaves = zip(space.leaves, self._action_dtypes, strict=True)
        return space.pack(
            [tf.zeros((size, *leaf.shape), dtype) for leaf, dtype in leaves]
        )

    def _add_discounted(
        self, discounted: tf.Tensor, step: tf.Tensor, rewarded: tf.Tensor
    ) -> tf.Tensor:
        if self._discount is None:
            return ()
        weight = tf.cast(
            trajectories.discount_weights(self._discount, step), tf.float64
        )
        return discounted + rewarded * weight


def _where(rows: tf.Tensor, new: Nest, old: Nest) -> Nest:
    """Takes `new` in the rows that are true, `old` elsewhere."""

    def of(new: tf.Tensor, old: tf.Tensor) -> tf.Tensor:
        shape = (-1, *[1] * (new.shape.rank - 1))
        return tf.where(tf.reshape(rows, shape), new, old)

    return tf.nest.map_structure(of, new, old)
