"""A line that shows the current work, below all other lines."""

import contextlib
import shutil
import time
from collections.abc import Iterator
from typing import Any, Protocol

import rich.console
import rich.progress

from keras_cem.utils import activity
from keras_cem.utils.activity import Activity
from keras_cem.utils.printing import say

# Columns of a notebook.
_NOTEBOOK = 100


class LiveLine(Protocol):
    """A line that changes until it is closed."""

    def show(self, where: str, now: Activity) -> None:
        """Shows what is being done.

        Args:
            where: Such as the epoch.
            now: The work.
        """

    def print(self, line: str) -> None:
        """Prints a line that stays."""

    def close(self) -> None:
        """Removes the line."""


def open_line(stream: Any) -> LiveLine | None:
    """Returns the line of a terminal or a notebook, None for other streams.

    Args:
        stream: Where to print.
    """
    if _is_notebook(stream):
        return _NotebookLine(stream)
    console = rich.console.Console(file=stream)
    if console.is_terminal and not console.is_dumb_terminal:
        return _TerminalLine(console)
    return None


def width_of(stream: Any) -> int | None:
    """Returns the columns of a terminal or a notebook, None for other streams.

    Args:
        stream: Where to print.
    """
    if _is_notebook(stream):
        return _NOTEBOOK
    return shutil.get_terminal_size().columns if stream.isatty() else None


@contextlib.contextmanager
def showing(stream: Any, where: str) -> Iterator[None]:
    """Shows the work of the context, if the stream can.

    Args:
        stream: Where to print.
        where: What the work is for.
    """
    line = open_line(stream)
    if line is None:
        yield
        return
    shown = line

    def listener(now: Activity) -> None:
        shown.show(where, now)

    listener(Activity("playing"))
    activity.listeners.append(listener)
    try:
        yield
    finally:
        activity.listeners.remove(listener)
        shown.close()


def _is_notebook(stream: Any) -> bool:
    return type(stream).__module__.startswith("ipykernel.")


def _counts(now: Activity) -> str:
    counts = "" if now.total is None else f"{now.done}/{now.total} episodes"
    steps = f", {now.env_steps:,} steps" if now.env_steps else ""
    return counts + steps


class _TerminalLine:
    """A bar of rich. A thread draws it, also while a step compiles."""

    def __init__(self, console: rich.console.Console):
        self._progress = rich.progress.Progress(
            rich.progress.TextColumn("{task.description}"),
            rich.progress.BarColumn(bar_width=16),
            rich.progress.TextColumn("{task.fields[counts]}"),
            rich.progress.TimeElapsedColumn(),
            console=console,
            transient=True,
        )
        self._task: rich.progress.TaskID | None = None
        self._shown = ""
        self._progress.start()

    def show(self, where: str, now: Activity) -> None:
        shown = f"{where}  {now.doing} ..."
        if self._task is not None and shown != self._shown:
            # A new task, because the bar and the clock start anew.
            self._progress.remove_task(self._task)
            self._task = None
        if self._task is None:
            self._shown = shown
            self._task = self._progress.add_task(shown, total=None, counts="")
        self._progress.update(
            self._task, total=now.total, completed=now.done, counts=_counts(now)
        )

    def print(self, line: str) -> None:
        self._progress.console.print(
            line, markup=False, highlight=False, soft_wrap=True
        )

    def close(self) -> None:
        self._progress.stop()


class _NotebookLine:
    """A line of text that is written over."""

    # Seconds between two texts of the same work.
    _INTERVAL = 0.5

    def __init__(self, stream: Any):
        self._stream = stream
        self._length = 0
        self._doing = ""
        self._until = 0.0

    def show(self, where: str, now: Activity) -> None:
        doing = f"{where}  {now.doing} ..."
        if doing == self._doing and time.monotonic() < self._until:
            return
        self._doing = doing
        self._until = time.monotonic() + self._INTERVAL
        text = f"{doing} {_counts(now)}"[:_NOTEBOOK]
        self._write(f"\r{text.ljust(self._length)}")
        self._length = len(text)

    def print(self, line: str) -> None:
        self.close()
        say(line, self._stream)

    def close(self) -> None:
        if self._length:
            self._write(f"\r{' ' * self._length}\r")
            self._length = 0

    def _write(self, text: str) -> None:
        self._stream.write(text)
        self._stream.flush()
