"""Reads the history of a run, written by `keras.callbacks.CSVLogger`."""

import dataclasses
import os
from typing import Any

import numpy as np

from keras_cem.pictures.plots.style import Path
from keras_cem.saving.size_limits import MAX_NUMBER

# Largest number of points per line. More points cannot be distinguished.
MAX_POINTS = 500
# Largest size of a file in bytes. An epoch has about 150 bytes.
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
    """Columns of a history, with at most `MAX_POINTS` rows.

    Attributes:
        columns: float64 array per column name. The column `epochs` is the
            number of epochs done.
        size: Number of epochs per row.
    """

    columns: dict[str, np.ndarray]
    size: int


def read(filepath: Path) -> History:
    """Reads a history.

    If there are more than `MAX_POINTS` epochs, each row covers several epochs.
    It holds the means over these epochs. For the best return, the number of
    epochs and environment steps, it holds the maximum.

    Args:
        filepath: The CSV file.

    Raises:
        ValueError: If the file is not such a history.
    """
    size_of_file = os.path.getsize(filepath)
    if size_of_file > _MAX_SIZE:
        raise ValueError(
            f"{filepath} must have at most {_MAX_SIZE:,} bytes. Received: "
            f"{size_of_file:,} bytes"
        )
    lines = _lines(filepath)
    names = lines[0].split(",")
    missing = [name for name in _NEEDED if name not in names]
    if missing:
        raise ValueError(
            f"{filepath} must be a history of `fit` on an environment. "
            f"Received: a file without the columns {', '.join(missing)}"
        )
    if len(lines) == 1:
        raise ValueError(
            f"{filepath} must have at least one row. Received: only a header"
        )
    for number, line in enumerate(lines[1:], 2):
        if line.count(",") + 1 != len(names):
            raise _bad_row(
                filepath,
                f"rows of {len(names)} columns",
                f"{line.count(',') + 1} columns",
                lines[:number],
            )
    # Entries that are not numbers, such as NA, become NaN.
    reading: dict[str, Any] = {"delimiter": ",", "ndmin": 2, "comments": None}
    rows = np.genfromtxt(lines[1:], **reading)
    too_large = np.isfinite(rows) & (np.abs(rows) > MAX_NUMBER)
    if too_large.any():
        row, column = np.argwhere(too_large)[0]
        raise ValueError(
            f"{filepath} must have numbers of at most {MAX_NUMBER:.2e} in "
            f"size. Received: {names[column]}={rows[row, column]:g} in line "
            f"{row + 2}"
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


def _lines(filepath: Path) -> list[str]:
    """Returns the lines of a UTF-8 file, at least one; refuses other files."""
    with open(filepath, "rb") as file:
        content = file.read()
    try:
        text = content.decode("utf-8").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        number = content.count(b"\n", 0, error.start) + 1
        raise ValueError(
            f"{filepath} must be UTF-8 text. Received: the byte "
            f"0x{content[error.start]:02x} in line {number}"
        ) from error
    lines = text.split("\n")
    # A row that was cut by a full disk or a kill may look complete.
    if lines[-1] and len(lines) > 1:
        raise _bad_row(filepath, "complete rows", "an incomplete row", lines)
    return lines[:-1] or lines


def _bad_row(
    filepath: Path, wanted: str, found: str, lines: list[str]
) -> ValueError:
    """Returns the error for the last of `lines`."""
    return ValueError(
        f"{filepath} must have {wanted}. Received: {found} in line "
        f"{len(lines)}, {lines[-1][:80]!r}. Delete that line, or resume the "
        "run that wrote it."
    )


def _means(column: np.ndarray, starts: np.ndarray) -> np.ndarray:
    """Means of the finite values between starts; NaN if there are none."""
    finite = np.isfinite(column)
    counts = np.add.reduceat(finite.astype(int), starts)
    sums = np.add.reduceat(np.where(finite, column, 0.0), starts)
    return np.where(counts, sums / np.maximum(counts, 1), np.nan)
