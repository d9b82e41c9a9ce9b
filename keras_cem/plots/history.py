"""History of a run, as `keras.callbacks.CSVLogger` writes it."""

import dataclasses
import os

import numpy as np

from keras_cem.plots.style import Path

# More points than that are no longer seen, only drawn.
MAX_POINTS = 500
# Bytes, of which an epoch has about 150.
_MAX_SIZE = 2**27
_NEEDED = (
    "env_steps",
    "episode_return",
    "episode_return_max",
    "elite_threshold",
    "epsilon",
)
GREEDY = "val_episode_return"


@dataclasses.dataclass
class History:
    """Columns of a history, with as many rows as can be seen.

    Attributes:
        columns: float64 array of each column, `epochs` among them: how many
            were done.
        size: How many epochs a row is the mean of.
    """

    columns: dict[str, np.ndarray]
    size: int


def read(filepath: Path) -> History:
    """Reads a history.

    Rows beyond `MAX_POINTS` are taken together: means of as many epochs each,
    but for the largest return, epochs and environment steps, which are the
    largest.

    Args:
        filepath: The CSV file.

    Raises:
        ValueError: If it is no such file.
    """
    size_of_file = os.path.getsize(filepath)
    if size_of_file > _MAX_SIZE:
        raise ValueError(
            f"{filepath} must have at most {_MAX_SIZE:,} bytes. "
            f"Received: {size_of_file:,}"
        )
    with open(filepath) as file:
        names = file.readline().strip().split(",")
        missing = [name for name in _NEEDED if name not in names]
        if missing:
            raise ValueError(
                f"{filepath} must be a history of `fit` on an environment. "
                f"Received: one without {', '.join(missing)}"
            )
        lines = file.readlines()
    if not lines:
        raise ValueError(
            f"{filepath} must have a row at least. Received: a header alone"
        )
    # What is no number, such as NA, becomes NaN.
    rows = np.genfromtxt(lines, delimiter=",", ndmin=2)
    if rows.shape[1] != len(names):
        raise ValueError(
            f"{filepath} must have rows of {len(names)} columns. "
            f"Received: {rows.shape[1]}"
        )
    if "epoch" in names:
        epochs = rows[:, names.index("epoch")] + 1
    else:
        epochs = np.arange(1, len(rows) + 1)
    size = -(-len(rows) // MAX_POINTS)
    starts = np.arange(0, len(rows), size)
    columns = {"epochs": np.maximum.reduceat(epochs, starts)}
    for name, column in zip(names, rows.T, strict=True):
        if name in ("env_steps", "episode_return_max"):
            columns[name] = np.maximum.reduceat(column, starts)
        else:
            columns[name] = _means(column, starts)
    return History(columns, size)


def _means(column: np.ndarray, starts: np.ndarray) -> np.ndarray:
    """Means of what is finite from each start to the next; NaN of nothing."""
    finite = np.isfinite(column)
    counts = np.add.reduceat(finite.astype(int), starts)
    sums = np.add.reduceat(np.where(finite, column, 0.0), starts)
    return np.where(counts, sums / np.maximum(counts, 1), np.nan)
