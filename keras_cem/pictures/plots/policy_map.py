"""Draws the greedy actions of a policy over two components of the state."""

from collections.abc import Sequence
from typing import Any

import matplotlib.colors
import matplotlib.patches
import numpy as np

from keras_cem import spaces
from keras_cem.pictures.plots.style import BLUE, CYCLE, Path, new_figure, save
from keras_cem.pictures.policy_slice import PolicySlice

_RESOLUTION = 160
_ARROWS = 24
# Number of different colors; with more actions, colors repeat.
_MAX_ACTIONS = len(CYCLE)


def policy_map(
    agent: Any,
    visited: np.ndarray,
    filepath: Path,
    dimensions: Sequence[int] = (0, 1),
    labels: Sequence[str] | None = None,
) -> None:
    """Draws the greedy action over two components of the observation.

    The other components are fixed at the median of `visited`. The map also
    shows the visited observations as points. If the space has no bounds, they
    determine the range of the map. Each discrete action has its own color. For
    a Box with one component, a color scale shows the action. For a Box with
    several components, arrows show the first two.

    Args:
        agent: A `CEMAgent`, built.
        visited: float array `(N, D)`, observations of its episodes.
        filepath: PNG file to write.
        dimensions: Indices of the two components. Defaults to `(0, 1)`.
        labels: Names of the two components. Defaults to `None`: their indices.

    Raises:
        ValueError: If the spaces cannot be drawn, or `dimensions` are not two
            components.
    """
    over = PolicySlice.around(agent, visited, dimensions)
    x, y = dimensions
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
    axes.set_xlim(*over.ranges[0])
    axes.set_ylim(*over.ranges[1])
    names = labels or [f"observation {axis}" for axis in dimensions]
    axes.set_xlabel(names[0])
    axes.set_ylabel(names[1])
    save(figure, filepath)


def _regions(axes: Any, over: PolicySlice) -> None:
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


def _scale(figure: Any, axes: Any, over: PolicySlice) -> None:
    x, y, actions = over.actions(_RESOLUTION)
    space = over.agent.action_space
    grid = actions[..., 0]
    low, high = float(space.low.min()), float(space.high.max())
    if not np.isfinite([low, high]).all():
        high = float(np.abs(grid).max())
        low = -high
    # A color scale for color-blind readers.
    mesh = axes.pcolormesh(
        x, y, grid, cmap="cividis", vmin=low, vmax=high, rasterized=True
    )
    if low < 0 < high and grid.min() < 0 < grid.max():
        axes.contour(x, y, grid, levels=[0.0], colors="white", linewidths=1)
    figure.colorbar(mesh, ax=axes, label="greedy action")


def _field(axes: Any, over: PolicySlice) -> None:
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
