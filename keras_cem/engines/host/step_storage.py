"""Steps of K trajectories, in arrays that grow with the longest."""

import math

import numpy as np

from keras_cem import spaces
from keras_cem.utils import devices

# With a limit of at most this many steps, trajectories are always padded to
# the limit. There is one shape, so XLA compiles an update once.
FIXED_STEPS = 4096
# With a larger limit they are padded to the limit or to this number times a
# power of two. An update is compiled for a dozen shapes at most.
FIRST_STEPS = 256
# Exploration counts steps in int32.
MOST_STEPS = np.iinfo(np.int32).max


def padded_steps(longest: int, limit: int) -> int:
    """Returns T, the number of steps to which trajectories are padded.

    Args:
        longest: Number of steps of the longest trajectory.
        limit: Number of steps after which every trajectory is truncated.
    """
    if limit <= FIXED_STEPS:
        return limit
    blocks = math.ceil(max(longest, 1) / FIRST_STEPS)
    return min(FIRST_STEPS << (blocks - 1).bit_length(), limit)


class StepStorage:
    """Observations, actions and rewards of the steps of K trajectories.

    Step t of trajectory k is row k T + t. T doubles when a trajectory gets
    longer. So memory depends on the played steps, not on the limit.

    Args:
        name: Name of the environment for error messages.
        observation_space: Space of one observation.
        action_space: Space of one action.
        size: K, the number of trajectories.
        limit: Number of steps after which every trajectory is truncated.

    Attributes:
        steps: T, the number of rows per trajectory.
        observations: One array `(K T, ...)` per leaf of the observation space.
        actions: One array `(K T, ...)` per leaf of the action space.
        rewards: float32 `(K T,)`.
        final_observations: One array `(K, ...)` per leaf of the observation
            space, with the observations after the last steps.

    Raises:
        ValueError: If the machine cannot hold K trajectories of T steps.
    """

    def __init__(
        self,
        name: str,
        observation_space: spaces.Space,
        action_space: spaces.Space,
        size: int,
        limit: int,
    ):
        self._name = name
        self._spaces = (observation_space, action_space)
        self._size = size
        self._limit = limit
        self.steps = padded_steps(0, limit)
        check_size(name, *self._spaces, size, self.steps, limit)
        rows = size * self.steps
        self.observations, self.actions = (
            [np.zeros((rows, *leaf.shape), leaf.dtype) for leaf in space.leaves]
            for space in self._spaces
        )
        self.rewards = np.zeros(rows, np.float32)
        self.final_observations = [
            np.zeros((size, *leaf.shape), leaf.dtype)
            for leaf in observation_space.leaves
        ]

    def rows(self, trajectories: np.ndarray) -> np.ndarray:
        """Returns the first row of trajectories as int64.

        K T may exceed 2**31.
        """
        return trajectories.astype(np.int64) * self.steps

    def grow(self) -> None:
        """Increases T for longer trajectories.

        Raises:
            ValueError: If the machine cannot hold them.
        """
        steps = padded_steps(self.steps + 1, self._limit)
        check_size(self._name, *self._spaces, self._size, steps, self._limit)
        self._resize(steps)

    def take(
        self, longest: int
    ) -> tuple[list[np.ndarray], list[np.ndarray], np.ndarray]:
        """Returns observations, actions and rewards as arrays `(K, T, ...)`.

        Args:
            longest: Number of steps of the longest trajectory. It alone
                determines T, even if a longer trajectory was interrupted and
                played again.
        """
        steps = padded_steps(longest, self._limit)
        if steps < self.steps:
            self._resize(steps)
        return (
            [self._by_trajectory(leaf) for leaf in self.observations],
            [self._by_trajectory(leaf) for leaf in self.actions],
            self._by_trajectory(self.rewards),
        )

    def _by_trajectory(self, leaf: np.ndarray) -> np.ndarray:
        return leaf.reshape((self._size, self.steps, *leaf.shape[1:]))

    def _resize(self, steps: int) -> None:
        # One leaf at a time, so that only one is in memory twice.
        for leaves in (self.observations, self.actions):
            for index, leaf in enumerate(leaves):
                leaves[index] = self._resized(leaf, steps)
        self.rewards = self._resized(self.rewards, steps)
        self.steps = steps

    def _resized(self, leaf: np.ndarray, steps: int) -> np.ndarray:
        held = min(steps, self.steps)
        resized = np.zeros((self._size, steps, *leaf.shape[1:]), leaf.dtype)
        resized[:, :held] = self._by_trajectory(leaf)[:, :held]
        return resized.reshape((-1, *leaf.shape[1:]))


def check_size(
    name: str,
    observation_space: spaces.Space,
    action_space: spaces.Space,
    size: int,
    steps: int,
    limit: int,
    added: int = 0,
) -> None:
    """Refuses more steps than the machine can hold or count.

    Args:
        name: Name of the environment for error messages.
        observation_space: Space of one observation.
        action_space: Space of one action.
        size: K, the number of trajectories.
        steps: T, the number of rows per trajectory.
        limit: Number of steps after which every trajectory is truncated.
        added: Bytes that learning keeps per step beside it. Defaults to `0`.

    Raises:
        ValueError: If there are too many steps.
    """
    if steps > MOST_STEPS:
        raise ValueError(
            "A trajectory must have at most 2**30 steps. Received: "
            f"max_episode_steps={limit}, environment {name}, whose episode "
            "did not end. Reduce `max_episode_steps`."
        )
    leaves = [*observation_space.leaves, *action_space.leaves]
    # 4 bytes for the reward and 1 byte for the mask.
    row = 4 + 1 + added
    row += sum(math.prod(leaf.shape) * leaf.dtype.itemsize for leaf in leaves)
    needed, present = row * size * steps, devices.host_memory()
    if needed > present:
        raise ValueError(
            "`batch_size` x `max_episode_steps` must fit in memory. "
            f"Received: batch_size={size}, max_episode_steps={limit}, "
            f"environment {name}. {size} trajectories of {steps} steps take "
            f"about {needed / 2**30:.1f} GiB of {present / 2**30:.1f} "
            "GiB. Reduce `batch_size` or `max_episode_steps`."
        )
