"""Greedy actions on a two-dimensional slice of the observation space."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np

from keras_cem import spaces


@dataclasses.dataclass
class PolicySlice:
    """Greedy actions over two components of the observation.

    Attributes:
        agent: A `CEMAgent`.
        others: `(D,)`, the fixed values of the other components.
        dimensions: Indices of the two components.
        ranges: Low and high end of each of the two components.
    """

    agent: Any
    others: np.ndarray
    dimensions: Sequence[int]
    ranges: Sequence[tuple[float, float]]

    @classmethod
    def around(
        cls, agent: Any, visited: np.ndarray, dimensions: Sequence[int]
    ) -> "PolicySlice":
        """Returns the slice with the other components at their median.

        It extends to the bounds of the space. Without a bound, it extends a
        little further than the visited observations.

        Args:
            agent: A `CEMAgent`, built.
            visited: float array `(N, D)`, observations of its episodes.
            dimensions: Indices of the two components.

        Raises:
            ValueError: If the spaces cannot be drawn, or `dimensions` are not
                two components.
        """
        check(agent, dimensions)
        space = agent.observation_space
        ranges = [
            _range(visited[:, x], space.low.flat[x], space.high.flat[x])
            for x in dimensions
        ]
        return cls(agent, np.median(visited, axis=0), dimensions, ranges)

    def observations(self, resolution: int) -> np.ndarray:
        """Returns the observations of the slice, `(R * R, D)`, by rows of y."""
        x, y = self._axes(resolution)
        observations = np.tile(
            self.others.astype(np.float32), (resolution**2, 1)
        )
        observations[:, self.dimensions[0]] = np.tile(x, resolution)
        observations[:, self.dimensions[1]] = np.repeat(y, resolution)
        return observations

    def actions(
        self, resolution: int
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Returns x and y values, and greedy actions `(R, R, ...)`.

        Each row of actions has one y value.
        """
        x, y = self._axes(resolution)
        outputs = self.agent(self.observations(resolution), training=False)
        actions = np.asarray(self.agent.head.greedy(outputs))
        return x, y, actions.reshape(resolution, resolution, -1)

    def _axes(self, resolution: int) -> tuple[np.ndarray, np.ndarray]:
        x, y = (np.linspace(*ends, resolution) for ends in self.ranges)
        return x, y


def can_be_drawn(agent: Any) -> bool:
    """Whether the policy can be drawn over two components."""
    space = agent.observation_space
    return (
        isinstance(space, spaces.Box)
        and len(space.shape) == 1
        and space.shape[0] >= 2
        and isinstance(agent.action_space, spaces.Discrete | spaces.Box)
    )


def check(agent: Any, dimensions: Sequence[int]) -> None:
    """Refuses an agent or dimensions that cannot be drawn.

    Args:
        agent: A `CEMAgent`, built.
        dimensions: Indices of two components of the observation.

    Raises:
        ValueError: If the spaces cannot be drawn, or `dimensions` are not two
            components.
    """
    space, actions = agent.observation_space, agent.action_space
    if not isinstance(space, spaces.Box) or len(space.shape) != 1:
        raise ValueError(
            "`observation_space` must be a Box with one axis for a policy "
            f"map. Received: observation_space={space}"
        )
    if not isinstance(actions, spaces.Discrete | spaces.Box):
        raise ValueError(
            "`action_space` must be Discrete or a Box for a policy map. "
            f"Received: action_space={actions}"
        )
    size = space.shape[0]
    if (
        len(dimensions) != 2
        or len(set(dimensions)) != 2
        or not all(0 <= axis < size for axis in dimensions)
    ):
        raise ValueError(
            "`dimensions` must be two different components of the "
            f"observation, from 0 to {size - 1}. Received: "
            f"dimensions={tuple(dimensions)}"
        )


def _range(values: np.ndarray, low: float, high: float) -> tuple[float, float]:
    """Returns the bounds of the space; without bounds, those of `values`."""
    if np.isfinite([low, high]).all():
        return float(low), float(high)
    least, most = float(values.min()), float(values.max())
    margin = 0.15 * (most - least) or 1.0
    return max(least - margin, float(low)), min(most + margin, float(high))
