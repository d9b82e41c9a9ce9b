"""What a running `fit` or `collect` does now, for displays of progress."""

import dataclasses
import time
from collections.abc import Callable
from typing import Any

import numpy as np

# Seconds between two reports of the same work.
INTERVAL = 0.1


@dataclasses.dataclass(frozen=True)
class Activity:
    """What is being done.

    Attributes:
        doing: A participle, such as `"playing"`.
        done: Number of episodes that have ended.
        total: Number of episodes. Defaults to `None`: not known.
        env_steps: Number of environment steps of these episodes so far.
    """

    doing: str
    done: int = 0
    total: int | None = None
    env_steps: int = 0


# Displays. Reporting to none costs nearly nothing.
listeners: list[Callable[[Activity], None]] = []
_last = -INTERVAL


def report(doing: str, *progress: Any) -> None:
    """Tells all displays what is being done.

    Args:
        doing: As in `Activity`.
        *progress: The other attributes of `Activity`.
    """
    for listener in listeners:
        listener(Activity(doing, *progress))


def report_steps(
    lengths: np.ndarray, steps: np.ndarray, live: np.ndarray
) -> None:
    """Tells all displays how much has been played, at most every `INTERVAL`.

    Args:
        lengths: Length of each episode, 0 if it has not ended.
        steps: Number of steps of the present episode of each slot.
        live: Slots that play.
    """
    global _last
    if not listeners or time.monotonic() - _last < INTERVAL:
        return
    _last = time.monotonic()
    report(
        "playing",
        int(np.count_nonzero(lengths)),
        len(lengths),
        int(lengths.sum() + steps[live].sum()),
    )
