"""Slots that play trajectories one after the other, and what they store."""

import math
from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias

import tensorflow as tf

from keras_cem.engines.graph.totals import Totals
from keras_cem.envs.base import Environment
from keras_cem.heads.base import ExplorationState
from keras_cem.utils import devices
from keras_cem.utils.tensors import Nest, where_rows

# `TensorArray`s of what is stored, one entry per step.
Arrays: TypeAlias = dict[str, Nest]

# On a CPU, M = 8 sqrt(K). Idle slots at the end cost about M T steps of slots,
# and the fixed part of a step is paid about K / M times. So the best M grows
# with the square root of K. `benchmarks/slots.py` measures the factor.
SLOTS_PER_ROOT = 8
# Largest number of slots on a CPU: the activations of the policy should fit in
# the caches.
MOST_SLOTS = 4096
# Least number of slots on a GPU: fewer take as long.
LEAST_SLOTS_ON_GPU = 131072
# Slots are refilled once this share of them is idle, because a refill costs as
# much as a few steps.
IDLE_SHARE = 1 / 8


def default_number(batch_size: int, env: Environment[Any]) -> int:
    """Returns the number of slots for K trajectories.

    It is a fraction of K, rounded up: if all trajectories have the same length,
    no slot is idle for long. A stateful environment plays all trajectories at
    once, because its variables cover all rows.

    Args:
        batch_size: K, the number of trajectories.
        env: The environment.
    """
    if env.stateful:
        return batch_size
    if devices.has_gpu():
        per_slot = batch_size // LEAST_SLOTS_ON_GPU
    else:
        per_slot = max(
            round(math.sqrt(batch_size) / SLOTS_PER_ROOT),
            -(-batch_size // MOST_SLOTS),
        )
    return -(-batch_size // max(1, per_slot))


def max_time(batch_size: int, num_slots: int, max_steps: int) -> int:
    """Returns the largest number of steps of a slot, its trajectories added up.

    Idle slots are refilled at each multiple of T steps at the latest. So
    trajectory k begins after at most floor(k / M) T steps.

    Args:
        batch_size: K, the number of trajectories.
        num_slots: M, the number of slots.
        max_steps: T, the maximum number of steps of a trajectory.
    """
    return -(-batch_size // num_slots) * max_steps


class Slots(NamedTuple):
    """M slots, each of which plays one trajectory at a time.

    Attributes:
        numbers: int32 `(M,)`, the number of the trajectory, from 0 to K - 1.
        begins: int32 `(M,)`, the time at which it began.
        state: State of the environment, a nest of `(M, ...)`.
        explored: State of the exploration, a nest of `(M, ...)`.
        live: bool `(M,)`, false for a slot whose trajectory has ended.
        totals: Totals of the trajectories, `(M,)`.
    """

    numbers: tf.Tensor
    begins: tf.Tensor
    state: Nest
    explored: ExplorationState
    live: tf.Tensor
    totals: Totals

    @classmethod
    def begin(
        cls, state: Nest, explored: ExplorationState, totals: Totals
    ) -> "Slots":
        """Returns the slots before the first step, with trajectory k in slot k.

        Args:
            state: Start states.
            explored: State of the exploration before the first step.
            totals: Totals before the first step.
        """
        numbers = tf.range(tf.size(totals.lengths))
        return cls(
            numbers,
            tf.zeros_like(numbers),
            state,
            explored,
            tf.ones_like(numbers, tf.bool),
            totals,
        )

    def refill(
        self, started: tf.Tensor, time: tf.Tensor, start: Nest, begun: Totals
    ) -> tuple["Slots", tf.Tensor]:
        """Starts the next trajectories in idle slots, as far as there are any.

        Exploration begins anew where a trajectory takes its first step.

        Args:
            started: int32 scalar, the number of trajectories started so far.
            time: int32 scalar, the number of steps taken so far.
            start: Start states of all K trajectories.
            begun: Totals of M trajectories before their first step.

        Returns:
            The slots, and the number of trajectories started so far.
        """
        idle = tf.cast(~self.live, tf.int32)
        numbers = started + tf.cumsum(idle) - 1
        most = tf.nest.flatten(start)[0].shape[0]
        fresh = ~self.live & (numbers < most)
        numbers = tf.where(fresh, numbers, self.numbers)
        states = tf.nest.map_structure(
            lambda leaf: tf.gather(leaf, numbers), start
        )
        return Slots(
            numbers,
            tf.where(fresh, time, self.begins),
            where_rows(fresh, states, self.state),
            self.explored,
            self.live | fresh,
            where_rows(fresh, begun, self.totals),
        ), tf.minimum(started + tf.reduce_sum(idle), most)


class Record(NamedTuple):
    """What is known of K trajectories.

    Attributes:
        totals: Totals, `(K,)`.
        places: int32 `(K, 2)`, time and slot of the first step.
    """

    totals: Totals
    places: tf.Tensor

    @classmethod
    def nothing(cls, totals: Totals) -> "Record":
        """Returns the record before the first step.

        Args:
            totals: Totals of K trajectories before their first step.
        """
        return cls(totals, tf.zeros((totals.lengths.shape[0], 2), tf.int32))

    def updated(self, slots: Slots) -> "Record":
        """Returns the record with what the slots have played so far."""
        where = slots.numbers[:, tf.newaxis]
        places = tf.stack(
            [slots.begins, tf.range(tf.size(slots.begins))], axis=-1
        )
        record: Record = tf.nest.map_structure(
            lambda whole, part: tf.tensor_scatter_nd_update(whole, where, part),
            self,
            Record(slots.totals, places),
        )
        return record


def play_refilled(
    play: Callable[..., tuple[tf.Tensor, Slots, Arrays]],
    steps: int,
    start: Nest,
    begun: Totals,
    begin: tuple[Slots, Arrays, Record],
) -> tuple[Record, Arrays]:
    """Plays K trajectories in M < K slots, which are refilled.

    Args:
        play: Plays steps of the slots. It takes the time, the slots, the
            arrays, the number of live slots at which to stop, and the time to
            stop at the latest. It returns time, slots and arrays.
        steps: T, the maximum number of steps.
        start: Start states of all K trajectories.
        begun: Totals of M trajectories before their first step.
        begin: The slots with the first M trajectories, the arrays for the
            stored values, and the record of all K.
    """
    filled, *_ = begin
    num_slots = int(filled.live.shape[0])
    size = tf.nest.flatten(start)[0].shape[0]
    idle = max(1, int(num_slots * IDLE_SHARE))

    def body(
        started: tf.Tensor,
        time: tf.Tensor,
        filled: Slots,
        kept: Arrays,
        record: Record,
    ) -> tuple[tf.Tensor, tf.Tensor, Slots, Arrays, Record]:
        least = tf.where(started < size, num_slots - idle, 0)
        time, filled, kept = play(
            time, filled, kept, least, (time // steps + 1) * steps
        )
        record = record.updated(filled)
        filled, started = filled.refill(started, time, start, begun)
        return started, time, filled, kept, record

    *_, kept, record = tf.while_loop(
        lambda started, time, filled, *_: tf.reduce_any(filled.live),
        body,
        (tf.constant(num_slots), tf.constant(0), *begin),
    )
    return record, kept
