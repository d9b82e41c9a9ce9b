"""What a policy does in each state, of two dimensions."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import matplotlib.colors
import matplotlib.patches
import numpy as np

from keras_cem import spaces
from keras_cem.plots.style import BLUE, CYCLE, Path, new_figure, save

_RESOLUTION = 160
_ARROWS = 24
# More than that and the colours repeat.
_MAX_ACTIONS = len(CYCLE)


def policy_map(
    agent: Any,
    visited: np.ndarray,
    filepath: Path,
    dimensions: Sequence[int] = (0, 1),
    labels: Sequence[str] | None = None,
) -> None:
    """Draws the greedy action over two components of the observation.

    The others are held at the median of `visited`, of which the points are
    drawn, and which say how far the map reaches where the space has no bounds.
    Discrete actions have a colour each; of a Box, one component is a scale of
    colours, and the first two of several are a field of arrows.

    Args:
        agent: A `CEMAgent`, built.
        visited: float array `(N, D)`, observations that it made.
        filepath: PNG file to write.
        dimensions: Which two components. Defaults to `(0, 1)`.
        labels: Names of the two. Defaults to `None`: their numbers.

    Raises:
        ValueError: If the spaces cannot be drawn, or `dimensions` are not two
            components.
    """
    check_map(agent, dimensions)
    x, y = dimensions
    space = agent.observation_space
    median = np.median(visited, axis=0)
    ranges = [
        _range(visited[:, axis], space.low.flat[axis], space.high.flat[axis])
        for axis in dimensions
    ]
    over = _Slice(agent, median, dimensions, ranges)
    figure = new_figure(6.5, 5)
    axes = figure.subplots()
    if isinstance(agent.action_space, spaces.Discrete):
        _regions(axes, over)
    elif agent.action_space.low.size == 1:
        _scale(figure, axes, over)
    else:
        _field(axes, over)
    shown = visited[:: -(-len(visited) // 2000)]
    axes.plot(
        shown[:, x],
        shown[:, y],
        ".",
        color="black",
        alpha=0.35,
        markersize=2,
        label="visited",
    )
    axes.set_xlim(*ranges[0])
    axes.set_ylim(*ranges[1])
    names = labels or [f"observation {axis}" for axis in dimensions]
    axes.set_xlabel(names[0])
    axes.set_ylabel(names[1])
    save(figure, filepath)


def check_map(agent: Any, dimensions: Sequence[int]) -> None:
    """Refuses what cannot be drawn.

    Args:
        agent: A `CEMAgent`, built.
        dimensions: Which two components of the observation.

    Raises:
        ValueError: If the spaces cannot be drawn, or `dimensions` are not two
            components.
    """
    space, actions = agent.observation_space, agent.action_space
    if not isinstance(space, spaces.Box) or len(space.shape) != 1:
        raise ValueError(
            "A policy map needs observations that are a Box of one axis. "
            f"Received: observation_space={space}"
        )
    if not isinstance(actions, spaces.Discrete | spaces.Box):
        raise ValueError(
            "A policy map needs actions that are Discrete or a Box. "
            f"Received: action_space={actions}"
        )
    size = space.shape[0]
    if (
        len(dimensions) != 2
        or len(set(dimensions)) != 2
        or not all(0 <= axis < size for axis in dimensions)
    ):
        raise ValueError(
            "`dimensions` must be two components of the observation, of "
            f"{size}. Received: dimensions={tuple(dimensions)}"
        )


def _range(values: np.ndarray, low: float, high: float) -> tuple[float, float]:
    """What to draw: the space, or where it has no end, the visited."""
    if np.isfinite([low, high]).all():
        return float(low), float(high)
    least, most = float(values.min()), float(values.max())
    margin = 0.15 * (most - least) or 1.0
    return max(least - margin, float(low)), min(most + margin, float(high))


@dataclasses.dataclass
class _Slice:
    """Observations of which two components differ.

    Attributes:
        agent: A `CEMAgent`.
        median: `(D,)`, what the other components are.
        dimensions: Which two.
        ranges: Low and high end of each.
    """

    agent: Any
    median: np.ndarray
    dimensions: Sequence[int]
    ranges: Sequence[tuple[float, float]]

    def actions(
        self, resolution: int
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Two axes, and the greedy actions `(R, R, ...)`, rows of one y."""
        x, y = (np.linspace(*ends, resolution) for ends in self.ranges)
        observations = np.tile(
            self.median.astype(np.float32), (resolution**2, 1)
        )
        observations[:, self.dimensions[0]] = np.tile(x, resolution)
        observations[:, self.dimensions[1]] = np.repeat(y, resolution)
        outputs = self.agent(observations, training=False)
        actions = np.asarray(self.agent.head.greedy(outputs))
        return x, y, actions.reshape(resolution, resolution, -1)


def _regions(axes: Any, over: _Slice) -> None:
    x, y, actions = over.actions(_RESOLUTION)
    space = over.agent.action_space
    grid = actions[..., 0] - space.start
    shown = np.unique(grid)
    colors = [CYCLE[action % _MAX_ACTIONS] for action in range(space.n)]
    axes.pcolormesh(
        x,
        y,
        grid,
        cmap=matplotlib.colors.ListedColormap(colors),
        vmin=-0.5,
        vmax=space.n - 0.5,
        alpha=0.55,
        rasterized=True,
    )
    axes.legend(
        handles=[
            matplotlib.patches.Patch(
                color=colors[action],
                alpha=0.55,
                label=f"action {action + space.start}",
            )
            for action in shown[:12]
        ],
        loc="upper right",
    )


def _scale(figure: Any, axes: Any, over: _Slice) -> None:
    x, y, actions = over.actions(_RESOLUTION)
    space = over.agent.action_space
    grid = actions[..., 0]
    low, high = float(space.low.min()), float(space.high.max())
    if not np.isfinite([low, high]).all():
        high = float(np.abs(grid).max())
        low = -high
    # A scale of colours made for the colour-blind.
    mesh = axes.pcolormesh(
        x, y, grid, cmap="cividis", vmin=low, vmax=high, rasterized=True
    )
    if low < 0 < high and grid.min() < 0 < grid.max():
        axes.contour(x, y, grid, levels=[0.0], colors="white", linewidths=1)
    figure.colorbar(mesh, ax=axes, label="greedy action")


def _field(axes: Any, over: _Slice) -> None:
    x, y, actions = over.actions(_ARROWS)
    axes.quiver(
        x,
        y,
        actions[..., 0],
        actions[..., 1],
        color=BLUE,
        angles="uv",
        pivot="mid",
        width=0.0025,
    )
