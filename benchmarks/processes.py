"""Processes that are timed from start to exit."""

import resource
import subprocess
import sys
import time
from typing import NamedTuple


class Ended(NamedTuple):
    """A process that succeeded.

    Attributes:
        printed: What it printed.
        seconds: From its start to its exit.
        processor_seconds: Of all its threads, and of the processes that it
            started; other load disturbs these less.
    """

    printed: str
    seconds: float
    processor_seconds: float


def run(module: str, *arguments: str) -> Ended:
    """Runs a module as `python -m` does.

    Raises:
        RuntimeError: With what it complained about, if it failed.
    """
    start, before = time.perf_counter(), _processor_seconds()
    ended = subprocess.run(
        [sys.executable, "-m", module, *arguments],
        capture_output=True,
        text=True,
        check=False,
    )
    if ended.returncode:
        raise RuntimeError(ended.stderr)
    return Ended(
        ended.stdout,
        time.perf_counter() - start,
        _processor_seconds() - before,
    )


def _processor_seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime
