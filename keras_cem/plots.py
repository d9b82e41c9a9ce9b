"""Pictures of a run."""

import os
from collections.abc import Sequence
from typing import Any

import matplotlib

matplotlib.use("Agg")

import matplotlib.figure
import numpy as np

# Okabe and Ito's colours, which the colour-blind can tell apart.
_BLUE, _ORANGE, _GREEN, _GREY = "#0072B2", "#D55E00", "#009E73", "#777777"

Path = str | os.PathLike[str]


def learning_curve(
    history: Path, filepath: Path, threshold: float | None = None
) -> None:
    """Draws the returns and epsilon of a training run.

    Args:
        history: CSV file of `keras.callbacks.CSVLogger`.
        filepath: PNG file to write.
        threshold: Return that counts as solved, a horizontal line. Defaults to
            `None`.
    """
    columns = np.atleast_1d(np.genfromtxt(history, delimiter=",", names=True))
    steps = columns["env_steps"]
    figure = matplotlib.figure.Figure(figsize=(9, 5.5), layout="constrained")
    returns, epsilon = figure.subplots(2, 1, sharex=True, height_ratios=[3, 1])
    returns.fill_between(
        steps,
        columns["elite_threshold"],
        columns["episode_return_max"],
        color=_BLUE,
        alpha=0.2,
        label="elites, from threshold to best",
    )
    returns.plot(
        steps, columns["episode_return"], color=_BLUE, label="explored, mean"
    )
    if "val_episode_return" in (columns.dtype.names or ()):
        returns.plot(
            steps,
            columns["val_episode_return"],
            color=_ORANGE,
            linewidth=2.5,
            marker="o",
            markersize=3,
            label="greedy, mean",
        )
    _solved(returns.axhline, threshold)
    returns.set_ylabel("episode return")
    returns.legend(loc="best", frameon=False)
    epsilon.plot(steps, columns["epsilon"], color=_GREEN)
    epsilon.set_ylabel("epsilon")
    epsilon.set_xlabel("environment steps")
    epsilon.set_ylim(bottom=0)
    _finish(figure, filepath)


def returns(
    episode_returns: Sequence[float],
    filepath: Path,
    threshold: float | None = None,
) -> None:
    """Draws the distribution of the returns of an evaluation.

    Args:
        episode_returns: One number an episode.
        filepath: PNG file to write.
        threshold: Return that counts as solved, a vertical line. Defaults to
            `None`.
    """
    figure = matplotlib.figure.Figure(figsize=(6, 4), layout="constrained")
    axes = figure.subplots()
    axes.hist(episode_returns, bins=20, color=_ORANGE, alpha=0.8)
    axes.axvline(
        float(np.mean(episode_returns)), color=_BLUE, label="mean", linewidth=2
    )
    _solved(axes.axvline, threshold)
    axes.set_xlabel("episode return, greedy")
    axes.set_ylabel("episodes")
    axes.legend(loc="best", frameon=False)
    _finish(figure, filepath)


def _solved(line: Any, threshold: float | None) -> None:
    if threshold is not None:
        line(threshold, color=_GREY, linestyle="--", label="solved")


def _finish(figure: Any, filepath: Path) -> None:
    for axes in figure.axes:
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(alpha=0.3)
    figure.savefig(filepath, dpi=120)
