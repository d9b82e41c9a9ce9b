"""Parts of an iteration in the graph, as workers send them."""

from typing import Any

import numpy as np
import tensorflow as tf

from keras_cem.engines.graph.source import GraphSource
from keras_cem.engines.graph.storage import storage_dtype
from keras_cem.engines.graph.trajectories import GraphTrajectories
from keras_cem.engines.remote.messages import Report, Steps
from keras_cem.utils.tensors import Nest


def report_of(played: GraphTrajectories, discount: float) -> Report:
    """Returns what is known before any state is fetched.

    Args:
        played: Trajectories of NumPy arrays.
        discount: The discount with which they were played.
    """
    return Report(
        np.asarray(played.returns),
        None if discount == 1.0 else np.asarray(played.discounted),
        np.asarray(played.lengths),
        (),
        0,
        None,
        np.asarray(played.faults),
    )


def steps_of(played: GraphTrajectories, rows: np.ndarray, whole: bool) -> Steps:
    """Returns states and actions of some trajectories, without padding.

    Args:
        played: Trajectories of NumPy arrays.
        rows: Numbers of the trajectories.
        whole: Whether to return rewards and last states too.
    """
    lengths = np.asarray(played.lengths)[rows]
    most = int(lengths.max(initial=0))
    real = np.arange(most) < lengths[:, np.newaxis]

    def packed(nest: Nest) -> Any:
        return tf.nest.map_structure(
            lambda leaf: np.moveaxis(leaf[:most, rows], 0, 1)[real], nest
        )

    steps = Steps(packed(played.states), packed(played.actions))
    if not whole:
        return steps
    return steps._replace(
        rewards=() if played.rewards is None else packed(played.rewards),
        terminated=np.asarray(played.terminated)[rows],
        final_observations=tf.nest.map_structure(
            lambda leaf: leaf[rows], played.final_states
        ),
    )


def unpacked(
    source: GraphSource, steps: Nest, lengths: np.ndarray, rows: np.ndarray
) -> Any:
    """Returns arrays `(T, K, ...)` from the steps of some trajectories.

    Args:
        source: The environment.
        steps: Nest of arrays `(N, ...)`, one step after another.
        lengths: int32 `(K,)`, number of steps per trajectory.
        rows: Numbers of the trajectories whose steps are there.
    """
    shape = (source.max_episode_steps, len(lengths))
    steps_of_rows = lengths[rows]
    at = np.arange(steps_of_rows.sum()) - np.repeat(
        np.cumsum(steps_of_rows) - steps_of_rows, steps_of_rows
    )
    columns = np.repeat(rows, steps_of_rows)

    def whole(leaf: np.ndarray) -> np.ndarray:
        array = np.zeros((*shape, *leaf.shape[1:]), leaf.dtype)
        array[at, columns] = leaf
        return array

    return tf.nest.map_structure(whole, steps)


def no_steps(source: GraphSource) -> Steps:
    """Returns states and actions of no steps."""
    space = source.env.action_space
    actions = [
        np.zeros((0, *leaf.shape), storage_dtype(leaf)) for leaf in space.leaves
    ]
    seed = tf.zeros(1, tf.uint32)
    states = tf.nest.map_structure(
        lambda leaf: leaf.numpy()[:0], source.env.initial((seed, seed))
    )
    return Steps(states, space.pack(actions))
