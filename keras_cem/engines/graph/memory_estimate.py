"""Estimates whether the trajectories of an iteration fit in memory."""

import math
from typing import Protocol

import numpy as np

from keras_cem import spaces
from keras_cem.engines import pairs
from keras_cem.engines.graph.storage import storage_dtype
from keras_cem.utils import devices

# Peak memory of an iteration, as a multiple of the size of its trajectories:
# `benchmarks/memory.py` finds 1.56 at K = 65,536.
PEAK = 1.6


class Sized(Protocol):
    """A `GraphSource`."""

    @property
    def batch_size(self) -> int:
        """K, the number of episodes."""

    @property
    def max_episode_steps(self) -> int:
        """T, the maximum number of steps per episode."""

    @property
    def num_stored(self) -> int:
        """Largest number of steps that an iteration stores."""

    @property
    def action_space(self) -> spaces.Space:
        """Space of one action."""


def stored_bytes(source: Sized, state_bytes: int) -> int:
    """Returns the size in bytes of the trajectories of one iteration.

    Args:
        source: The environment to be played.
        state_bytes: Size in bytes of the state of one row.
    """
    size = state_bytes + sum(
        math.prod(leaf.shape) * storage_dtype(leaf).itemsize
        for leaf in source.action_space.leaves
    )
    return size * source.num_stored


def check_size(source: Sized, state_bytes: int) -> None:
    """Refuses trajectories that exceed the memory or the step numbers.

    It uses the GPU's memory if a GPU reports its size, else the host's.

    Args:
        source: The environment to be played.
        state_bytes: Size in bytes of the state of one row.

    Raises:
        ValueError: If there are too many steps.
    """
    needed = PEAK * stored_bytes(source, state_bytes)
    present, where = devices.gpu_memory(), "the GPU's memory"
    if present is None:
        present, where = devices.host_memory(), "memory"
    if needed > present:
        raise ValueError(
            f"`batch_size` x `max_episode_steps` must fit in {where}. "
            f"Received: batch_size={source.batch_size}, "
            f"max_episode_steps={source.max_episode_steps}, which take about "
            f"{needed / 2**30:.1f} GiB of {present / 2**30:.1f} GiB."
        )
    # `pairs` numbers steps in int32, block by block. The last block may run
    # beyond the last step, by less than the maximum block size.
    steps = source.batch_size * source.max_episode_steps
    most = np.iinfo(np.int32).max - pairs.MAX_BLOCK_SIZE_ON_GPU
    if steps > most:
        raise ValueError(
            "`batch_size` x `max_episode_steps` must be at most "
            f"{most:,}. Received: batch_size={source.batch_size}, "
            f"max_episode_steps={source.max_episode_steps}."
        )
