"""The lines of `Progress`: rows of a table, or values with their names."""

from collections.abc import Callable
from typing import Any

# Value of a line by its title; None if it is not known.
Values = dict[str, float | None]


def values(logs: dict[str, Any], rate: float, seconds: float) -> Values:
    """Returns the values of an epoch's line.

    Args:
        logs: Logs of the epoch.
        rate: Environment steps per second.
        seconds: Seconds since the start of training.
    """
    found = {
        "return": logs["episode_return"],
        "best": logs["episode_return_max"],
        "greedy": logs.get("val_episode_return"),
        "threshold": logs["elite_threshold"],
        "elites": logs["num_elites"],
        "epsilon": logs["epsilon"],
        "loss": logs["loss"],
        "critic": logs.get("critic_loss"),
        "steps": logs["env_steps"],
        "steps/s": rate,
        "seconds": seconds,
    }
    return {
        title: None if value is None else float(value)
        for title, value in found.items()
    }


def labelled(epoch: int, epochs: int, line: Values) -> str:
    """Returns the line of an epoch with the names of its values.

    Args:
        epoch: Number of the epoch, from 1.
        epochs: Number of all epochs.
        line: The values.
    """
    written = {
        "return": "return {:9.2f}",
        "best": "best {:9.2f}",
        "greedy": "greedy {:9.2f}",
        "threshold": "threshold {:9.2f}",
        "elites": "elites {:4.0f}",
        "epsilon": "epsilon {:.3f}",
        "loss": "loss {:10.3f}",
        "critic": "critic loss {:8.3f}",
        "steps": "steps {:>10,.0f}",
        "steps/s": "{:>9,.0f} steps/s",
        "seconds": "{:7.1f} s",
    }
    parts = [
        template.format(line[title])
        for title, template in written.items()
        if line[title] is not None
    ]
    return "  ".join([f"epoch {epoch:>4}/{epochs}", *parts])


def header(line: Values, width: int) -> str:
    """Returns the first line of the table.

    Args:
        line: Values of a row.
        width: Number of columns of the display.
    """
    titles = (title.rjust(wide) for title, wide, _ in _fitting(line, width))
    return " ".join(["epoch".rjust(_EPOCH), *titles])


def row(epoch: int, epochs: int, line: Values, width: int) -> str:
    """Returns the row of an epoch.

    Args:
        epoch: Number of the epoch, from 1.
        epochs: Number of all epochs.
        line: The values.
        width: Number of columns of the display.
    """
    name = f"{epoch}/{epochs}"
    cells = [(name if len(name) <= _EPOCH else str(epoch)).rjust(_EPOCH)]
    for title, wide, written in _fitting(line, width):
        value = line[title]
        cells.append(("" if value is None else written(value)).rjust(wide))
    return " ".join(cells)


def _number(value: float) -> str:
    """Returns a number in at most 7 characters."""
    for digits in (2, 1, 0):
        text = f"{value:.{digits}f}"
        if len(text) <= 7:
            return text
    return f"{value:.1e}"


def _small(value: float) -> str:
    text = f"{value:.3f}"
    return text if len(text) <= 7 else _number(value)


def _count(value: float) -> str:
    """Returns a count in at most 6 characters."""
    for unit in ("", "k", "M", "G"):
        if value < 99_999.5:
            return f"{value:.0f}{unit}"
        value /= 1000
    return f"{value:.0f}T"


_EPOCH = 7
# Title, number of characters, and how to write a value.
_Column = tuple[str, int, Callable[[float], str]]
# They fill 79 characters.
_COLUMNS: tuple[_Column, ...] = (
    ("return", 7, _number),
    ("best", 7, _number),
    ("greedy", 7, _number),
    ("threshold", 9, _number),
    ("elites", 6, _count),
    ("epsilon", 7, _small),
    ("loss", 7, _small),
    ("steps", 6, _count),
    ("steps/s", 7, _count),
)
_MORE: tuple[_Column, ...] = (("seconds", 7, _number), ("critic", 7, _small))


def _fitting(line: Values, width: int) -> list[_Column]:
    """Returns the columns that fit."""
    columns = [*_COLUMNS]
    free = width - _EPOCH - sum(wide + 1 for _, wide, _ in columns)
    for column in _MORE:
        if column[1] + 1 <= free and line[column[0]] is not None:
            columns.append(column)
            free -= column[1] + 1
    return columns
