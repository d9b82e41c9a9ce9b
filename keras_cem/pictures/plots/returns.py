"""Draws the distribution of returns from the first iteration to the last."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from keras_cem.pictures.plots.style import (
    BLUE,
    ORANGE,
    Path,
    new_figure,
    plain,
    save,
    solved,
)

# Number of stages that are drawn.
_ROWS = 5


def returns(
    episode_returns: Sequence[float],
    filepath: Path,
    threshold: float | None = None,
    stages: Sequence[dict[str, Any]] = (),
) -> None:
    """Draws the distribution of returns in training and of an evaluation.

    Args:
        episode_returns: Returns of the evaluation, one per episode; may be
            empty.
        filepath: PNG file to write.
        threshold: Return that counts as solved, a vertical line. Defaults to
            `None`.
        stages: Iterations as `callbacks.ReturnsLogger` writes them; five of
            them are drawn. Defaults to none.

    Raises:
        ValueError: If both `episode_returns` and `stages` are empty.
    """
    if not len(stages) and not len(episode_returns):
        raise ValueError(
            "`episode_returns` or `stages` must not be empty. Received: both "
            "empty"
        )
    places = np.linspace(0, len(stages) - 1, min(_ROWS, len(stages)))
    shown = [stages[int(place)] for place in np.round(places)]
    rows = [*(stage["returns"] for stage in shown)]
    if len(episode_returns):
        rows.append(list(episode_returns))
    bins = _bins(rows)
    figure = new_figure(7, 1.2 + 1.1 * len(rows))
    panels = figure.subplots(len(rows), 1, sharex=True, squeeze=False)[:, 0]
    # Not strict: the last panel is for the evaluation.
    for axes, stage in zip(panels, shown, strict=False):
        _histogram(axes, stage["returns"], bins, BLUE)
        axes.set_title(
            f"iteration {stage['iteration']:,}", loc="left", fontsize=9
        )
        if stage["elite_threshold"] is not None:
            axes.axvline(
                stage["elite_threshold"], color="black", label="elite threshold"
            )
    if len(episode_returns):
        _histogram(panels[-1], episode_returns, bins, ORANGE)
        panels[-1].set_title("greedy, final evaluation", loc="left", fontsize=9)
        panels[-1].axvline(
            float(np.mean(episode_returns)), color=BLUE, label="mean"
        )
    for axes in panels:
        solved(axes.axvline, threshold)
        plain(axes)
        axes.set_yticks([])
    panels[-1].set_xlabel("episode return")
    handles: dict[str, Any] = {}
    for axes in panels:
        for handle, label in zip(
            *axes.get_legend_handles_labels(), strict=True
        ):
            handles.setdefault(label, handle)
    if handles:
        figure.legend(
            list(handles.values()),
            list(handles),
            loc="outside upper center",
            ncols=len(handles),
            frameon=False,
        )
    save(figure, filepath)


def _bins(rows: Sequence[Sequence[float]]) -> np.ndarray:
    values = np.concatenate([np.asarray(row, np.float64) for row in rows])
    low, high = values.min(), values.max()
    if low == high:
        low, high = low - 0.5, high + 0.5
    return np.linspace(low, high, 31)


def _histogram(
    axes: Any, values: Sequence[float], bins: np.ndarray, color: str
) -> None:
    axes.hist(values, bins=bins, color=color, alpha=0.8)
