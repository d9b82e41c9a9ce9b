"""Draws several runs in one plot."""

from collections.abc import Mapping, Sequence

import matplotlib.ticker
import numpy as np

from keras_cem.pictures.plots import history as histories
from keras_cem.pictures.plots.style import (
    CYCLE,
    Path,
    new_figure,
    plain,
    save,
    solved,
)
from keras_cem.utils import seed_statistics

_GRID = 200


def comparison(
    groups: Mapping[str, Sequence[Path]],
    filepath: Path,
    threshold: float | None = None,
) -> None:
    """Draws the greedy return of groups of runs over environment steps.

    The line of a group of five runs or more is their interquartile mean, and a
    band shows its 95 % bootstrap interval, which needs
    `pip install 'keras-cem[seeds]'`. Of a smaller group, each run is a line. A
    run that ended early keeps its last value, so a run that stops at a target
    return stays there. For runs without greedy evaluations, explored returns
    are drawn.

    Args:
        groups: Dictionary from the group's name in the legend to histories of
            runs that differ in their seed.
        filepath: PNG file to write.
        threshold: Return that counts as solved, a horizontal line. Defaults to
            `None`.

    Raises:
        ValueError: If a history is not from `fit` on an environment.
        ImportError: If a group has five runs and scipy is missing.
    """
    read = {
        name: [histories.read(path).columns for path in paths]
        for name, paths in groups.items()
    }
    runs = [run for group in read.values() for run in group]
    greedy = all(histories.GREEDY in run for run in runs)
    column = histories.GREEDY if greedy else "episode_return"
    steps = "env_steps" if all(r["env_steps"][-1] > 0 for r in runs) else None
    x = steps or "epochs"
    grid = np.linspace(
        min(run[x][0] for run in runs), max(run[x][-1] for run in runs), _GRID
    )
    figure = new_figure(9, 5)
    axes = figure.subplots()
    for index, (name, group) in enumerate(read.items()):
        values = np.stack([_on(grid, run[x], run[column]) for run in group])
        color = CYCLE[index % len(CYCLE)]
        style = ("-", "--", ":")[index // len(CYCLE) % 3]
        # The line starts at the first value of any run in the group.
        seen = grid >= min(run[x][0] for run in group)
        has_band = len(group) >= seed_statistics.ENOUGH
        lines = (
            [seed_statistics.interquartile_mean(values)] if has_band else values
        )
        # Escape dollars, which begin a formula.
        label = name.replace("$", r"\$")
        for line in lines:
            axes.plot(grid[seen], line[seen], style, color=color, label=label)
            label = ""  # The legend has a group once.
        if has_band:
            low, high = seed_statistics.interval(values)
            axes.fill_between(
                grid[seen],
                low[seen],
                high[seen],
                color=color,
                alpha=0.2,
                linewidth=0,
            )
    solved(axes.axhline, threshold)
    axes.set_xlabel("environment steps" if steps else "epochs")
    axes.set_ylabel(f"episode return, {'greedy' if greedy else 'explored'}")
    axes.xaxis.set_major_formatter(
        matplotlib.ticker.StrMethodFormatter("{x:,.0f}")
    )
    plain(axes)
    axes.legend(
        loc="best",
        frameon=False,
        title="interquartile mean, 95 % interval" if axes.collections else None,
    )
    save(figure, filepath)


def _on(grid: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Interpolates a run on the grid; beyond its ends, repeats end values."""
    seen = np.isfinite(y)
    if not seen.any():
        raise ValueError(
            "A history must have at least one finite return. Received: none "
            f"in {len(y)} rows"
        )
    interpolated: np.ndarray = np.interp(grid, x[seen], y[seen])
    return interpolated
