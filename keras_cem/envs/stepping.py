"""Steps an in-graph environment and resets each row after its episode.

This serves callers that step an environment from outside. Rollouts do not use
it, because they play a fixed number of episodes.
"""

from typing import Any, NamedTuple

import tensorflow as tf

from keras_cem import prng
from keras_cem.envs.base import Environment


class Playing(NamedTuple):
    """State of all rows between two steps.

    Attributes:
        state: Environment state of N rows.
        steps_done: int32 `(N,)`, number of steps in the episode so far.
        done: bool `(N,)`, whether the last step ended the episode.
        key: Two uint32 scalars, the key of the random numbers.
        time: uint32 scalar, number of steps since `begin`.
    """

    state: Any
    steps_done: Any
    done: Any
    key: prng.Words
    time: Any


class Advanced(NamedTuple):
    """Results of a step.

    Attributes:
        playing: State for the next step.
        observations: `(N, ...)`.
        rewards: float32 `(N,)`.
        terminated: bool `(N,)`.
        truncated: bool `(N,)`.
        started: bool `(N,)`, rows that reset instead of playing a step.
    """

    playing: Playing
    observations: Any
    rewards: Any
    terminated: Any
    truncated: Any
    started: Any


def begin(
    environment: Environment[Any], num_rows: int, key: prng.Words
) -> tuple[Playing, Any]:
    """Starts an episode in each row; returns state and observations."""
    time = tf.zeros((), tf.uint32)
    state, observations = environment.reset(_seeds(key, num_rows, time))
    steps_done = tf.zeros(num_rows, tf.int32)
    done = tf.zeros(num_rows, tf.bool)
    return Playing(state, steps_done, done, key, time), observations


def advance(
    environment: Environment[Any], playing: Playing, actions: Any
) -> Advanced:
    """Plays a step in each row; resets rows whose episode has ended.

    A row that resets ignores its action and gets a reward of 0.

    Args:
        environment: An in-graph environment.
        playing: State from `begin` or the last `advance`.
        actions: As `environment.transition` takes them.
    """
    state, steps_done, done, key, time = playing
    time = time + 1
    # A row either plays or resets, so one seed serves both.
    seeds = _seeds(key, done.shape[0], time)
    moved, rewards, terminated = environment.transition(state, actions, seeds)
    state = tf.nest.map_structure(
        lambda new, old: tf.where(_expand(done, new), new, old),
        environment.initial(seeds),
        moved,
    )
    steps_done = tf.where(done, 0, steps_done + 1)
    rewards = tf.where(done, 0.0, rewards)
    terminated &= ~done
    truncated = tf.zeros_like(done) | (environment.truncated(moved) & ~done)
    if environment.max_episode_steps is not None:
        truncated |= steps_done >= environment.max_episode_steps
    following = Playing(state, steps_done, terminated | truncated, key, time)
    observations = environment.observe(state)
    return Advanced(
        following, observations, rewards, terminated, truncated, done
    )


def _seeds(key: prng.Words, num_rows: int, time: tf.Tensor) -> prng.Words:
    rows = tf.cast(tf.range(num_rows), tf.uint32)
    return prng.threefry2x32(key, (rows, time))


def _expand(mask: tf.Tensor, like: tf.Tensor) -> tf.Tensor:
    """Expands a vector to the rank of `like`, for `tf.where` over rows."""
    return tf.reshape(mask, (-1, *[1] * (like.shape.rank - 1)))
