"""The loop over the steps of K episodes, inside a compiled step.

M slots play the K episodes. With M < K, a slot whose episode has ended starts
the next one. All random numbers are keyed by (trajectory, step), so M changes
no trajectory.
"""

import functools
from collections.abc import Callable
from typing import Any

import tensorflow as tf

from keras_cem import heads, prng
from keras_cem.engines.graph import slots
from keras_cem.engines.graph.fused_dense import fused
from keras_cem.engines.graph.slots import Arrays, Slots
from keras_cem.engines.graph.storage import (
    arrays,
    cast_leaves,
    replace_outside,
    storage_dtype,
    write,
)
from keras_cem.engines.graph.totals import Totals
from keras_cem.engines.graph.trajectories import GraphTrajectories
from keras_cem.engines.groups import Groups
from keras_cem.engines.policies import Policy
from keras_cem.engines.returns import discount_weights
from keras_cem.envs.base import Environment
from keras_cem.networks import state_features
from keras_cem.networks.category_lookup import with_lookup
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
        function = with_lookup(policy)
        self._function = fused(function) if fuse else function
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
        self,
        rows: tf.Tensor,
        num_slots: int,
        steps: int,
        store: bool,
        store_rewards: bool,
    ) -> GraphTrajectories:
        """Plays the episodes.

        Args:
            rows: uint32 `(K,)`, numbers of the trajectories.
            num_slots: M, the number of trajectories played at once, at most K.
            steps: T. Every episode is truncated after T steps.
            store: Whether to store states and actions.
            store_rewards: Whether to store rewards and the states after the
                last steps.
        """
        size = rows.shape[0]
        start = self._start(rows)

        def first(count: int) -> tuple[Nest, Totals]:
            state = tf.nest.map_structure(lambda leaf: leaf[:count], start)
            return state, Totals.none(
                count, state if store_rewards else (), self._discount
            )

        def keep(
            states: Nest, actions: Nest, rewards: tf.Tensor
        ) -> dict[str, Nest]:
            return {
                "states": states if store else (),
                "actions": actions if store else (),
                "rewards": rewards if store_rewards else (),
            }

        state, begun = first(num_slots)
        filled = slots.Slots.begin(
            state, self._head.initial_exploration(num_slots), begun
        )
        kept = arrays(
            keep(state, self._no_actions(num_slots), tf.zeros(num_slots)),
            slots.max_time(size, num_slots, steps),
        )
        play = functools.partial(self._play, rows, steps, keep)
        if num_slots == size:
            _, filled, kept = play(tf.constant(0), filled, kept)
            totals, places = filled.totals, None
        else:
            record = slots.Record.nothing(first(size)[1])
            (totals, places), kept = slots.play_refilled(
                play, steps, start, begun, (filled, kept, record)
            )
        stacked = tf.nest.map_structure(lambda array: array.stack(), kept)
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
            places,
        )

    def _play(
        self,
        rows: tf.Tensor,
        steps: int,
        keep: Callable[[Nest, Nest, tf.Tensor], dict[str, Nest]],
        time: tf.Tensor,
        filled: Slots,
        kept: Arrays,
        least: Integer = 0,
        end: tf.Tensor | None = None,
    ) -> tuple[tf.Tensor, Slots, Arrays]:
        """Plays steps of the slots.

        Args:
            rows: uint32 `(K,)`, numbers of the trajectories.
            steps: T, the maximum number of steps.
            keep: Function of states, actions and rewards that returns what to
                store.
            time: int32 scalar, number of steps taken so far.
            filled: The slots.
            kept: Arrays for the stored values, one entry per step.
            least: Plays until at most this number of slots are live. Defaults
                to `0`.
            end: Time to stop at the latest. Defaults to `None`.

        Returns:
            Time, slots and arrays after the steps.
        """
        rows = tf.gather(rows, filled.numbers)
        weights = None
        if self._discount is not None:
            weights = discount_weights(self._discount, tf.range(steps))

        def going_on(time: tf.Tensor, filled: Slots, _: Arrays) -> tf.Tensor:
            if end is None:
                return tf.reduce_any(filled.live)
            live = tf.reduce_sum(tf.cast(filled.live, tf.int32))
            return (live > least) & (time < end)

        def body(
            time: tf.Tensor, filled: Slots, kept: Arrays
        ) -> tuple[tf.Tensor, Slots, Arrays]:
            after, made = self._step(rows, steps, weights, filled)
            return time + 1, after, write(kept, time, keep(*made))

        played: tuple[tf.Tensor, Slots, Arrays] = tf.while_loop(
            going_on,
            body,
            (time, filled, kept),
            # Variables of a stateful environment need steps in sequence.
            parallel_iterations=1 if self._env.stateful else 10,
        )
        return played

    def _step(
        self,
        rows: tf.Tensor,
        steps: int,
        weights: tf.Tensor | None,
        filled: Slots,
    ) -> tuple[Slots, tuple[Nest, Nest, tf.Tensor]]:
        """Plays one step; returns the slots, and states, actions and rewards.

        Args:
            rows: uint32 `(M,)`, numbers of the trajectories.
            steps: T, the maximum number of steps.
            weights: float32 `(T,)`, the discount of each step, or None.
            filled: The slots.
        """
        state, live, totals = filled.state, filled.live, filled.totals
        explored = filled.explored
        counter = (rows, tf.cast(totals.lengths, tf.uint32))
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
            live,
            tf.cast(rewards, tf.float64),
            terminated,
            fault,
            following,
            weights,
        )
        ended = terminated | self._env.truncated(following)
        live &= ~ended & tf.equal(fault, 0) & (totals.lengths < steps)
        after = filled._replace(
            state=following, explored=explored, live=live, totals=totals
        )
        return after, (state, actions, rewards)

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
