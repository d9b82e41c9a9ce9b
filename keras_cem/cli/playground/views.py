"""What the page draws of an iteration, in numbers that JSON can express.

Everything has a limit, whatever the environment and K.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple, cast

import numpy as np
import tensorflow as tf

from keras_cem import CEMAgent, spaces
from keras_cem.cli.playground.coordinates import Coordinates
from keras_cem.cli.playground.grids import GridSlice
from keras_cem.engines.trajectories import Chosen, Trajectories
from keras_cem.pictures import policy_slice
from keras_cem.pictures.policy_slice import PolicySlice

# Paths per picture, points of all paths and of one, bins of the histogram, side
# of a map.
MAX_PATHS = 64
_ALL_POINTS = 6000
_MAX_POINTS = 400
NUM_BINS = 30
RESOLUTION = 36
# Observations that decide how far a map reaches.
_MAX_VISITED = 4096
Range = tuple[float, float]


class Plane(NamedTuple):
    """Two coordinates, and how far each reaches.

    Attributes:
        coordinates: The coordinates of K trajectories.
        axes: Numbers of the two.
        ranges: Low and high end of each.
    """

    coordinates: Coordinates
    axes: Sequence[int]
    ranges: Sequence[Range]

    def points(self, episode: int, length: int, most: int) -> list[int]:
        """Returns x and y of steps of an episode, in thousandths of the ranges.

        Args:
            episode: Number of the episode.
            length: Its number of steps.
            most: Largest number of points.
        """
        rows = thinned(length, most)
        values = self.coordinates.values[episode, rows][:, list(self.axes)]
        low, high = np.array(self.ranges).T
        thousandths = np.nan_to_num(1000 * (values - low) / (high - low))
        points: list[int] = (
            np.clip(np.rint(thousandths), -1000, 2000)
            .astype(int)
            .ravel()
            .tolist()
        )
        return points


def paths(trajectories: Trajectories, plane: Plane) -> list[dict[str, Any]]:
    """Returns the paths of the first episodes in a plane.

    Args:
        trajectories: K trajectories.
        plane: The plane.
    """
    lengths, returns = trajectories.lengths, trajectories.returns
    size = min(len(lengths), MAX_PATHS)
    most = min(_ALL_POINTS // size, _MAX_POINTS)
    return [
        {
            "points": plane.points(k, int(lengths[k]), most),
            "return": number(returns[k]),
        }
        for k in range(size)
    ]


def extent(
    trajectories: Trajectories, coordinates: Coordinates, axis: int
) -> Range:
    """Returns the least and greatest value of a coordinate, with a margin.

    A grid is shown whole.
    """
    if coordinates.grid and axis < coordinates.num_components:
        return coordinates.grid.ranges[axis]
    values = coordinates.values[..., axis][trajectories.mask]
    values = values[np.isfinite(values)]
    if not values.size:
        return 0.0, 1.0
    least, most = float(values.min()), float(values.max())
    margin = 0.05 * (most - least) or 0.5
    return least - margin, most + margin


def steps_of(
    plane: Plane,
    episode: int,
    length: int,
    advantages: np.ndarray,
    elite: np.ndarray,
) -> dict[str, Any]:
    """Returns the steps of an episode with their advantages.

    Args:
        plane: The plane.
        episode: Number of the episode.
        length: Its number of steps.
        advantages: float32 `(T, K)`.
        elite: bool `(T, K)`.
    """
    rows = thinned(length, _MAX_POINTS)
    return {
        "episode": episode,
        "points": plane.points(episode, length, _MAX_POINTS),
        "advantages": rounded(advantages[rows, episode]),
        "elite": elite[rows, episode].astype(int).tolist(),
    }


def histogram(returns: np.ndarray) -> dict[str, Any]:
    """Returns the histogram of returns or advantages, and their quantiles.

    Args:
        returns: float32; those that are not finite are left out.
    """
    finite = returns[np.isfinite(returns)]
    if not finite.size:
        return {"edges": [0, 1], "counts": [0], "quantiles": []}
    counts, edges = np.histogram(finite, _edges(finite))
    return {
        "edges": rounded(edges),
        "counts": counts.tolist(),
        "quantiles": rounded(np.quantile(finite, np.linspace(0, 1, 101))),
        "size": int(finite.size),
    }


def selection(
    returns: np.ndarray, chosen: Chosen, quantile: float, num_paths: int
) -> dict[str, Any]:
    """Returns which are elite.

    Args:
        returns: float32, as in `histogram`.
        chosen: The elites among them.
        quantile: q.
        num_paths: K if whole episodes are elite, else 0.
    """
    mask = np.asarray(chosen.mask)
    finite = returns[np.isfinite(returns)]
    counts = (
        np.histogram(returns[mask], _edges(finite))[0]
        if finite.size
        else np.zeros(1, int)
    )
    return {
        "quantile": quantile,
        "threshold": number(np.mean(chosen.gamma_q)),
        "number": int(mask.sum()),
        "size": int(finite.size),
        "counts": counts.tolist(),
        "elite": mask[: min(num_paths, MAX_PATHS)].astype(int).tolist(),
    }


def can_be_drawn(agent: CEMAgent, coordinates: Coordinates) -> bool:
    """Whether the policy can be drawn over two components."""
    if coordinates.grid:
        return isinstance(agent.action_space, spaces.Discrete)
    return policy_slice.can_be_drawn(agent)


def slice_of(
    agent: CEMAgent, trajectories: Trajectories, plane: Plane
) -> PolicySlice | GridSlice | None:
    """Returns the slice of the observations that a plane shows.

    Args:
        agent: The agent.
        trajectories: What it played.
        plane: The plane.

    Returns:
        The slice, None if the policy cannot be drawn over the plane.
    """
    axes, coordinates = plane.axes, plane.coordinates
    if (
        not can_be_drawn(agent, coordinates)
        or max(axes) >= coordinates.num_components
        or axes[0] == axes[1]
    ):
        return None
    seen = visited(trajectories)
    if coordinates.grid:
        return GridSlice.of_most(coordinates.grid, seen, axes)
    part = PolicySlice.around(agent, seen, axes)
    part.ranges = plane.ranges
    return part


def decisions(
    agent: CEMAgent, part: PolicySlice | GridSlice
) -> dict[str, list[int]]:
    """Returns the policy over a slice of the observations, by rows of y.

    Args:
        agent: The agent.
        part: The slice.

    Returns:
        `actions`, the greedy actions, and `shares` in percent. For discrete
        actions they are the probability of the action. For a Box they say
        where in the box the first component of the action is, 50 if the box
        has no bounds.
    """
    outputs = agent(part.observations(RESOLUTION), training=False)
    actions = np.asarray(agent.head.greedy(outputs))
    first = actions.reshape(len(actions), -1)[:, 0]
    space = agent.action_space
    if isinstance(space, spaces.Discrete):
        shares = tf.reduce_max(tf.nn.softmax(outputs), axis=-1).numpy()
        return {"actions": first.tolist(), "shares": _percent(shares)}
    box = cast(spaces.Box, space)
    low, high = (float(np.ravel(each)[0]) for each in (box.low, box.high))
    shares = np.full(len(first), 0.5)
    if np.isfinite([low, high]).all():
        shares = (first - low) / (high - low)
    return {"actions": [], "shares": _percent(shares)}


def visited(trajectories: Trajectories) -> np.ndarray:
    """Returns some of the observations, `(N, ...)`."""
    observations = cast(np.ndarray, trajectories.observations)
    seen: np.ndarray = observations[np.asarray(trajectories.mask)]
    return seen[:: max(1, len(seen) // _MAX_VISITED)]


def number(value: Any) -> float | None:
    """Returns a number with five significant digits, None if not finite."""
    value = float(value)
    return float(f"{value:.5g}") if np.isfinite(value) else None


def rounded(values: np.ndarray) -> Any:
    """Returns an array as lists of numbers with five significant digits."""
    if values.ndim > 1:
        return [rounded(row) for row in values]
    return [number(value) for value in values]


def thinned(length: int, most: int) -> np.ndarray:
    """Returns at most so many steps of an episode, the last among them."""
    if length <= most:
        return np.arange(length)
    return np.linspace(0, length - 1, most).round().astype(int)


def _percent(shares: np.ndarray) -> list[int]:
    percent: list[int] = np.rint(100 * shares).astype(int).tolist()
    return percent


def _edges(finite: np.ndarray) -> np.ndarray:
    least, most = float(finite.min()), float(finite.max())
    if least == most:
        least, most = least - 0.5, most + 0.5
    return np.linspace(least, most, NUM_BINS + 1)
