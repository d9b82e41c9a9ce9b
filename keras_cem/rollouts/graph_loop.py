"""The loop over the steps of K episodes, inside of a compiled step."""

from typing import Any

import numpy as np
import tensorflow as tf

from keras_cem import heads, prng
from keras_cem.envs.base import Environment
from keras_cem.rollouts.finite import finite_rows
from keras_cem.rollouts.graph_trajectories import (
    GraphTrajectories,
    cast_leaves,
    storage_dtype,
)
from keras_cem.rollouts.groups import Groups


class GraphLoop:
    """The loop over the steps of K episodes."""

    def __init__(
        self,
        env: Environment,
        policy: Any,
        head: heads.Head,
        numbers: tuple[Any, int, Any],
        epsilon: tf.Tensor | None,
        groups: Groups,
        discount: float,
    ):
        seed, stream, iteration = numbers
        self._env = env
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
            storage_dtype(leaf) for leaf in env.action_space.leaves
        ]

    def run(
        self, rows: tf.Tensor, steps: int, store: bool, store_rewards: bool
    ) -> GraphTrajectories:
        """Plays the episodes.

        Args:
            rows: uint32 `(K,)`, numbers of the trajectories.
            steps: T, after which every episode is truncated.
            store: Whether states and actions are kept.
            store_rewards: Whether rewards are.
        """
        size = rows.shape[0]
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
            actions = cast_leaves(
                self._env.action_space, actions, self._action_dtypes
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
        space = self._env.action_space
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


def _fault(*made: Any) -> tf.Tensor:
    """Number of the first of what a step made that is not finite, per row."""
    fault = tf.constant(0)
    for number, batch in reversed(list(enumerate(made, 1))):
        # Integers are finite.
        if any(leaf.dtype.is_floating for leaf in tf.nest.flatten(batch)):
            fault = tf.where(finite_rows(batch), fault, number)
    return fault
