"""Draws the learning curve of a run."""

from collections.abc import Sequence
from typing import Any

import matplotlib.ticker
import numpy as np

from keras_cem.pictures.plots import history as histories
from keras_cem.pictures.plots.style import (
    BLUE,
    GREEN,
    ORANGE,
    SKY,
    Figure,
    Path,
    new_figure,
    plain,
    save,
    solved,
)

EXPLAINED = "explained_variance"


def learning_curve(
    history: histories.Source,
    filepath: Path | None = None,
    threshold: float | None = None,
    iterations_per_epoch: int = 1,
    stages: Sequence[dict[str, Any]] = (),
) -> Figure:
    """Draws the returns and epsilon of a training run.

    With elite steps it also draws the explained variance of the critic, and no
    elite threshold, which is an advantage.

    The lower x axis shows environment steps, the upper one iterations. With
    `stages`, the band spans the returns of an iteration from the smallest to
    the largest. Without `stages`, which hold the smallest return, the band
    starts at the elite threshold.

    Args:
        history: `keras.callbacks.History` of `fit`, CSV file of
            `keras.callbacks.CSVLogger`, or run folder of `keras-cem train`.
        filepath: PNG file to write. Defaults to `None`: no file.
        threshold: Return that counts as solved, a horizontal line. Defaults to
            `None`.
        iterations_per_epoch: `steps_per_epoch` of the run. Defaults to `1`.
        stages: Iterations as `callbacks.ReturnsLogger` writes them. Defaults to
            none.

    Returns:
        The `matplotlib.figure.Figure`. A notebook shows it.

    Raises:
        ValueError: If `history` is not from `fit` on an environment.
    """
    read = histories.read(history)
    columns = read.columns
    iterations = columns["epochs"] * iterations_per_epoch
    steps, played = columns["env_steps"], True
    if steps[-1] <= 0:
        # Training on recorded episodes plays no environment steps.
        steps, played = iterations, False
    # Of elite steps, the threshold is an advantage, not a return.
    of_steps = EXPLAINED in columns
    figure = new_figure(9, 7 if of_steps else 5.5)
    returns, epsilon, *critic = figure.subplots(
        3 if of_steps else 2,
        1,
        sharex=True,
        height_ratios=[3, 1, 1] if of_steps else [3, 1],
    )
    few = len(steps) <= 100
    if stages:
        x = [stage["env_steps" if played else "iteration"] for stage in stages]
        least = [min(stage["returns"]) for stage in stages]
        best = [max(stage["returns"]) for stage in stages]
        _band(returns, x, least, best, "explored, minimum to maximum")
    else:
        _band(
            returns,
            steps,
            columns["episode_return" if of_steps else "elite_threshold"],
            columns["episode_return_max"],
            "above the mean" if of_steps else "elites, threshold to maximum",
        )
    if not of_steps:
        returns.plot(
            steps,
            columns["elite_threshold"],
            color=SKY,
            linewidth=1.2,
            label="elite threshold",
        )
    returns.plot(
        steps, columns["episode_return"], color=BLUE, label="explored, mean"
    )
    if histories.GREEDY in columns:
        seen = np.isfinite(columns[histories.GREEDY])
        returns.plot(
            steps[seen],
            columns[histories.GREEDY][seen],
            color=ORANGE,
            linewidth=2.5 if few else 1.5,
            marker="o" if few else None,
            markersize=3,
            label="greedy, mean",
        )
    solved(returns.axhline, threshold)
    returns.set_ylabel("episode return")
    title = f"means of {read.size} epochs" if read.size > 1 else None
    epsilon.plot(steps, columns["epsilon"], color=GREEN)
    epsilon.set_ylabel("epsilon")
    epsilon.set_ylim(bottom=0)
    for axes in critic:
        axes.plot(steps, columns[EXPLAINED], color=BLUE)
        axes.set_ylabel("explained\nvariance")
        # A critic that is wrong at first may be far below 0.
        axes.set_ylim(-0.1, 1.05)
    lowest = [epsilon, *critic][-1]
    lowest.set_xlabel("environment steps" if played else "iterations")
    lowest.xaxis.set_major_formatter(
        matplotlib.ticker.StrMethodFormatter("{x:,.0f}")
    )
    for axes in (returns, epsilon, *critic):
        plain(axes)
    if played:
        _iterations_above(returns, steps, iterations)
    returns.legend(loc="best", framealpha=0.85, edgecolor="none", title=title)
    if filepath is not None:
        save(figure, filepath)
    drawn: Figure = figure
    return drawn


def _band(axes: Any, x: Any, low: Any, high: Any, label: str) -> None:
    axes.fill_between(
        x, low, high, color=BLUE, alpha=0.15, linewidth=0, label=label
    )


def _iterations_above(
    axes: Any, steps: np.ndarray, iterations: np.ndarray
) -> None:
    """Adds an axis of iterations, which differ in their number of steps."""
    locator = matplotlib.ticker.MaxNLocator(
        nbins=8, integer=True, min_n_ticks=2
    )
    ticks = locator.tick_values(iterations[0], iterations[-1])
    ticks = ticks[(ticks >= iterations[0]) & (ticks <= iterations[-1])]
    places = np.interp(ticks, iterations, steps)
    # If episodes become longer, ticks of early iterations would overlap.
    least, last = 0.06 * (steps[-1] - steps[0]), np.inf
    keep = np.zeros(len(places), bool)
    for index in reversed(range(len(places))):
        if last - places[index] >= least:
            keep[index], last = True, places[index]
    above = axes.secondary_xaxis("top")
    above.set_xticks(places[keep], [f"{tick:,.0f}" for tick in ticks[keep]])
    above.set_xlabel("iterations")
