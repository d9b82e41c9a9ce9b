"""Ctrl-C and SIGTERM, held back until they do no harm."""

import contextlib
import os
import signal
import threading
import time
from collections.abc import Callable
from typing import Any

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


# Seconds that what is under way has to come to its end by itself.
GRACE = 2.0

# Contexts that hold back a signal which is to be raised between two steps. A
# list that is empty costs a loop over steps nothing to look at.
pending: list["HeldSignals"] = []


def check() -> None:
    """Raises a signal that was held back for `GRACE`; called between steps.

    Raises:
        TrainingInterrupted: If there was one.
    """
    if threading.current_thread() is threading.main_thread():
        for held in pending:
            if time.monotonic() > held.until:
                held.check()


class TrainingInterrupted(KeyboardInterrupt):
    """Training ended by a signal, after a checkpoint was written.

    Attributes:
        signum: Number of the signal.
    """

    def __init__(self, signum: int, message: str):
        super().__init__(message)
        self.signum = signum


class HeldSignals:
    """Context manager that holds back the first Ctrl-C or SIGTERM.

    It is raised as `TrainingInterrupted` by `check`, or when the context is
    left in peace. A second one does at once what it would do without this
    context.

    Signals that the process ignores stay ignored. Outside of the main thread,
    where Python handles no signals, nothing is held back.

    Args:
        notice: Written to the standard error as a signal is held back.
        message: Returns what `TrainingInterrupted` says.
        between_steps: Whether `interrupts.check` raises it as well, once
            `GRACE` is over. Defaults to `False`.

    Attributes:
        received: Number of the signal that is held back, if any.
        until: When it is raised between two steps, by `time.monotonic`.
    """

    def __init__(
        self,
        notice: str,
        message: Callable[[], str],
        between_steps: bool = False,
    ):
        self.received: int | None = None
        self.until = 0.0
        self._between_steps = between_steps
        self._notice = notice
        self._message = message
        self._before: dict[int, Any] = {}

    def __enter__(self) -> "HeldSignals":
        if threading.current_thread() is threading.main_thread():
            for signum in _SIGNALS:
                handler = signal.getsignal(signum)
                if handler not in (signal.SIG_IGN, None):
                    self._before[signum] = handler
                    signal.signal(signum, self._hold)
        return self

    def __exit__(self, kind: Any, error: Any, traceback: Any) -> None:
        self._give_back()
        if self in pending:
            pending.remove(self)
        if kind is None:
            self.check()

    def check(self) -> None:
        """Raises a signal that was held back, where it does no harm.

        Raises:
            TrainingInterrupted: If there was one.
        """
        if self.received is not None:
            raise TrainingInterrupted(self.received, self._message())

    def _hold(self, signum: int, frame: Any) -> None:
        self.received = signum
        self.until = time.monotonic() + GRACE
        if self._between_steps:
            pending.append(self)
        self._give_back()
        name = signal.Signals(signum).name
        # Who reads along may be gone: Ctrl-C ends `tee` as well.
        with contextlib.suppress(OSError):
            # Not `print`, which may be what the signal came in between.
            os.write(2, f"\n{name}: {self._notice}\n".encode())

    def _give_back(self) -> None:
        while self._before:
            signum, handler = self._before.popitem()
            signal.signal(signum, handler)
