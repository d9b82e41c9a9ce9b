"""Reads the history of a run, as Keras' `History` and `CSVLogger` have it."""

import dataclasses
import os
import pathlib
from typing import Any, TypeAlias

import keras
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
# The history in a run folder of `keras-cem train`.
_IN_A_RUN = "history.csv"

Source: TypeAlias = Path | keras.callbacks.History


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


def read(source: Source) -> History:
    """Reads a history.

    If there are more than `MAX_POINTS` epochs, each row covers several epochs.
    It holds the means over these epochs. For the best return, the number of
    epochs and environment steps, it holds the maximum.

    Args:
        source: The CSV file, a run folder with one, or Keras' `History`.

    Raises:
        ValueError: If it is not the history of `fit` on an environment.
    """
    if isinstance(source, keras.callbacks.History):
        names, rows = _of_keras(source)
    else:
        names, rows = _of_file(source)
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


def _of_keras(history: keras.callbacks.History) -> tuple[list[str], np.ndarray]:
    """Returns the names of the columns, and one row per epoch."""
    logs = history.history
    _check_names("`history`", list(logs))
    if not history.epoch:
        raise ValueError(
            "`history` must have at least one epoch. Received: none"
        )
    rows = np.full((len(history.epoch), len(logs) + 1), np.nan)
    rows[:, 0] = history.epoch
    for column, values in enumerate(logs.values(), 1):
        rows[_logged(rows[:, 0], len(values)), column] = values
    return ["epoch", *logs], rows


def _logged(epochs: np.ndarray, count: int) -> np.ndarray:
    """Returns the rows of the epochs that have a value, as with validation.

    History does not tell: it is the smallest `validation_freq` with as many
    values, else the last epochs.
    """
    for frequency in range(1, len(epochs) + 1):
        (rows,) = np.nonzero((epochs + 1) % frequency == 0)
        if len(rows) == count:
            return rows
    return np.arange(len(epochs) - count, len(epochs))


def _check_names(source: str, names: list[str]) -> None:
    missing = [name for name in _NEEDED if name not in names]
    if missing:
        raise ValueError(
            f"{source} must be a history of `fit` on an environment. "
            f"Received: one without the columns {', '.join(missing)}"
        )


def _of_file(source: Path) -> tuple[list[str], np.ndarray]:
    """Returns the names of the columns, and one row per epoch."""
    filepath = pathlib.Path(source)
    if filepath.is_dir():
        filepath /= _IN_A_RUN
    size_of_file = os.path.getsize(filepath)
    if size_of_file > _MAX_SIZE:
        raise ValueError(
            f"{filepath} must have at most {_MAX_SIZE:,} bytes. Received: "
            f"{size_of_file:,} bytes"
        )
    lines = _lines(filepath)
    names = lines[0].split(",")
    _check_names(str(filepath), names)
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
    return names, rows


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
