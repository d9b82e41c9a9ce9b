"""Describes trajectories in a few lines."""

from typing import Any

import numpy as np
import tensorflow as tf

from keras_cem.utils.tensors import Nest


def describe(trajectories: Any) -> str:
    """Returns three lines: steps, returns, and types of the arrays.

    Args:
        trajectories: `Trajectories`, also while a graph is traced.
    """
    counts = returns = "known when the graph runs"
    if tf.executing_eagerly() or isinstance(trajectories.rewards, np.ndarray):
        lengths, totals = map(
            np.asarray, (trajectories.lengths, trajectories.returns)
        )
        ended = np.sum(trajectories.terminated)
        counts = f"{lengths.sum():,} steps, {ended} terminated"
        returns = f"mean {totals.mean():.6g}, "
        returns += f"{totals.min():.6g} to {totals.max():.6g}"
    return (
        f"Trajectories {tuple(trajectories.rewards.shape)}: {counts}\n"
        f"returns: {returns}\n"
        f"observations: {_types(trajectories.observations)}; "
        f"actions: {_types(trajectories.actions)}"
    )


def _types(nest: Nest) -> str:
    """Writes dtype and shape of each array, without the axes of K and T."""
    return ", ".join(
        f"{tf.as_dtype(leaf.dtype).name} {tuple(leaf.shape[2:])}"
        for leaf in tf.nest.flatten(nest)
    )
