"""What this process and its workers send each other."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from keras_cem import spaces
from keras_cem.engines.trajectories import Trajectories
from keras_cem.engines.wanted import Wanted
from keras_cem.utils.tensors import Nest


class Call(NamedTuple):
    """What a worker is asked for.

    Attributes:
        request: Number of the request. It increases, and a new one has new
            weights.
        wanted: The episodes of the chunk.
        discount: Discount of the returns that rank.
        moments: Whether to report moments of the observations.
        rows: Rows within the chunk whose steps are fetched, or None to play
            the chunk and to report what ranks it.
        whole: Whether rewards and last observations are fetched too.
        states: Whether an in-graph environment is played for steps that learn
            in the graph, so that states take the place of observations.
        jit_compile: Whether XLA compiles what plays states, as in this process.
    """

    request: int
    wanted: Wanted
    discount: float = 1.0
    moments: bool = False
    rows: np.ndarray | None = None
    whole: bool = False
    states: bool = False
    jit_compile: bool = False


class Report(NamedTuple):
    """What is known of a chunk before any step is fetched.

    Attributes:
        returns: float32 `(C,)`, the episode returns.
        discounted: float32 `(C,)`, the discounted returns, or None if they are
            the returns.
        lengths: int32 `(C,)`, number of steps per trajectory.
        groups: For each float leaf of the observations, the moments of each
            `moments.GROUP_SIZE` trajectories, stacked. `()` if not asked for.
        num_env_restarts: Number of restarts of sub-environments.
        fault: Message if no trajectory is finite, else None.
        faults: int32 `(C,)`, code of a nonfinite value of each trajectory, if
            states are played.
    """

    returns: np.ndarray
    discounted: np.ndarray | None
    lengths: np.ndarray
    groups: Sequence[tuple[np.ndarray, ...]]
    num_env_restarts: int
    fault: str | None
    faults: Any = ()


class Steps(NamedTuple):
    """The steps of some trajectories, one after another.

    Attributes:
        observations: `(N, ...)`, or a nest.
        actions: `(N, ...)`, or a nest.
        rewards: float32 `(N,)`; `()` unless all is fetched, as those below.
        terminated: bool `(C,)`.
        final_observations: `(C, ...)`, or a nest.
    """

    observations: Nest
    actions: Nest
    rewards: Any = ()
    terminated: Any = ()
    final_observations: Any = ()


class Failure(NamedTuple):
    """An episode that a worker could not play to its end.

    Attributes:
        message: Message of the `EpisodeError`.
        cause: The error of the environment as text, or None.
    """

    message: str
    cause: str | None


def no_steps(
    observation_space: spaces.Space, action_space: spaces.Space
) -> Steps:
    """Returns the steps of no trajectory."""
    empty = [
        space.pack(
            [np.zeros((0, *leaf.shape), leaf.dtype) for leaf in space.leaves]
        )
        for space in (observation_space, action_space)
    ]
    return Steps(*empty)


def trajectories_of(steps: Steps, mask: np.ndarray) -> Trajectories:
    """Returns steps by trajectory, with zeros after their ends.

    Args:
        steps: All steps of K trajectories.
        mask: bool `(K, T)`, true where there is a step.
    """

    def padded(leaf: np.ndarray) -> np.ndarray:
        full = np.zeros((*mask.shape, *leaf.shape[1:]), leaf.dtype)
        full[mask] = leaf
        return full

    observations, actions, rewards = tf.nest.map_structure(
        padded, (steps.observations, steps.actions, steps.rewards)
    )
    return Trajectories(
        observations,
        actions,
        rewards,
        mask,
        steps.terminated,
        steps.final_observations,
    )


def nbytes(message: Nest) -> int:
    """Returns the size of the arrays of a message in bytes."""
    leaves = tf.nest.flatten(message)
    return sum(each.nbytes for each in leaves if isinstance(each, np.ndarray))
