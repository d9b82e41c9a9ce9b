"""The loop over the steps of K episodes, inside a compiled step."""

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from keras_cem import heads, prng
from keras_cem.engines.graph import blocks
from keras_cem.engines.graph.fused_dense import fused
from keras_cem.engines.graph.totals import Totals
from keras_cem.engines.graph.trajectories import (
    GraphTrajectories,
    cast_leaves,
    replace_outside,
    storage_dtype,
)
from keras_cem.engines.groups import Groups
from keras_cem.engines.policies import Policy
from keras_cem.envs.base import Environment
from keras_cem.heads.base import ExplorationState
from keras_cem.networks import state_features
from keras_cem.utils import nonfinite
from keras_cem.utils.tensors import Integer, Nest


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
                Totals.none(
                    size,
                    tf.nest.map_structure(lambda leaf: leaf[0], states)
                    if store_rewards
                    else (),
                    self._discount,
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
            if self._env.stateful:
                # `envs.check` plays a few steps of the others.
                observations, outside = replace_outside(
                    self._env.observation_space, observations
                )
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
            fault = nonfinite.first_faults(observations, outputs, rewards)
            if self._env.stateful:
                fault = tf.where(outside, int(nonfinite.Fault.OUTSIDE), fault)
            fault = tf.where(live, fault, 0)
            totals = totals.after_step(
                step,
                live,
                tf.cast(rewards, tf.float64),
                terminated,
                fault,
                following,
                self._discount,
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
                Totals.none(size, state if keep_final else (), self._discount),
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

    def _no_actions(self, size: int) -> Nest:
        space = self._env.action_space
        leaves = zip(space.leaves, self._action_dtypes, strict=True)
        return space.pack(
            [tf.zeros((size, *leaf.shape), dtype) for leaf, dtype in leaves]
        )
