"""How the returns of a run rise."""

from typing import Any

import matplotlib.ticker
import numpy as np

from keras_cem.plots import history as histories
from keras_cem.plots.style import (
    BLUE,
    GREEN,
    ORANGE,
    Path,
    new_figure,
    plain,
    save,
    solved,
)


def learning_curve(
    history: Path,
    filepath: Path,
    threshold: float | None = None,
    iterations_per_epoch: int = 1,
) -> None:
    """Draws the returns and epsilon of a training run.

    Below stand environment steps, above iterations.

    Args:
        history: CSV file of `keras.callbacks.CSVLogger`.
        filepath: PNG file to write.
        threshold: Return that counts as solved, a horizontal line. Defaults to
            `None`.
        iterations_per_epoch: `steps_per_epoch` of the run. Defaults to `1`.

    Raises:
        ValueError: If `history` is no history of `fit` on an environment.
    """
    read = histories.read(history)
    columns = read.columns
    iterations = columns["epochs"] * iterations_per_epoch
    steps, played = columns["env_steps"], True
    if steps[-1] <= 0:
        # Of recorded episodes.
        steps, played = iterations, False
    figure = new_figure(9, 5.5)
    returns, epsilon = figure.subplots(2, 1, sharex=True, height_ratios=[3, 1])
    few = len(steps) <= 100
    returns.fill_between(
        steps,
        columns["elite_threshold"],
        columns["episode_return_max"],
        color=BLUE,
        alpha=0.2,
        linewidth=0,
        label="elites, from threshold to best",
    )
    returns.plot(
        steps, columns["elite_threshold"], color=BLUE, linewidth=0.8, alpha=0.6
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
    epsilon.set_xlabel("environment steps" if played else "iterations")
    epsilon.set_ylim(bottom=0)
    epsilon.xaxis.set_major_formatter(
        matplotlib.ticker.StrMethodFormatter("{x:,.0f}")
    )
    plain(returns)
    plain(epsilon)
    if played:
        _iterations_above(returns, steps, iterations)
    returns.legend(loc="best", frameon=False, title=title)
    save(figure, filepath)


def _iterations_above(
    axes: Any, steps: np.ndarray, iterations: np.ndarray
) -> None:
    """An axis of iterations, which are not of the same number of steps."""
    locator = matplotlib.ticker.MaxNLocator(
        nbins=8, integer=True, min_n_ticks=2
    )
    ticks = locator.tick_values(iterations[0], iterations[-1])
    ticks = ticks[(ticks >= iterations[0]) & (ticks <= iterations[-1])]
    places = np.interp(ticks, iterations, steps)
    # Where episodes are long, ticks of early iterations would overlap.
    least, last = 0.06 * (steps[-1] - steps[0]), np.inf
    keep = np.zeros(len(places), bool)
    for index in reversed(range(len(places))):
        if last - places[index] >= least:
            keep[index], last = True, places[index]
    above = axes.secondary_xaxis("top")
    above.set_xticks(places[keep], [f"{tick:,.0f}" for tick in ticks[keep]])
    above.set_xlabel("iterations")
