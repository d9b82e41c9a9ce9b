"""Delays Ctrl-C and SIGTERM until training can stop safely."""

import contextlib
import os
import signal
import threading
import time
from collections.abc import Callable
from typing import Any, Protocol

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


# Seconds that the current work may take to finish after a signal.
GRACE = 2.0


class Pending(Protocol):
    """Something that is to be raised between two steps.

    Attributes:
        until: Time from which it is raised, in seconds of `time.monotonic`.
        thread: Identifier of the thread that raises it.
    """

    until: float
    thread: int

    def check(self) -> None:
        """Raises it."""


# Delayed signals, and rollouts that are given up. Checking an empty list costs
# a loop over steps nearly nothing.
pending: list[Pending] = []


def check() -> None:
    """Raises a signal that has been delayed for `GRACE` seconds.

    Call it between two steps of a rollout.

    Raises:
        TrainingInterrupted: If there is such a signal.
    """
    thread, now = threading.get_ident(), time.monotonic()
    for held in list(pending):
        if held.thread == thread and now > held.until:
            held.check()


class TrainingInterrupted(KeyboardInterrupt):
    """A signal stopped training; a checkpoint was written.

    Attributes:
        signum: Number of the signal.
    """

    def __init__(self, signum: int, message: str):
        super().__init__(message)
        self.signum = signum


class HeldSignals:
    """Context manager that delays the first Ctrl-C or SIGTERM.

    `check` raises the signal as `TrainingInterrupted`. So does leaving the
    context without an exception. A second signal acts immediately, as it would
    without this context.

    Signals that the process ignores stay ignored. Outside of the main thread
    nothing is delayed, because Python handles no signals there.

    Args:
        notice: Text for the standard error when a signal is delayed.
        message: Function that returns the message of `TrainingInterrupted`.
        between_steps: Whether `interrupts.check` also raises the signal, after
            `GRACE` seconds. Defaults to `False`.

    Attributes:
        received: Number of the delayed signal, None if there is none.
        until: Time from which `interrupts.check` raises the signal, in seconds
            of `time.monotonic`.
        thread: Identifier of the main thread, which handles signals.
    """

    def __init__(
        self,
        notice: str,
        message: Callable[[], str],
        between_steps: bool = False,
    ):
        self.received: int | None = None
        self.until = 0.0
        self.thread = threading.main_thread().ident or 0
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
        """Raises the delayed signal. Call it where training can stop safely.

        Raises:
            TrainingInterrupted: If a signal was received.
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
        # The reader of standard error may be gone: Ctrl-C also ends `tee`.
        with contextlib.suppress(OSError):
            # Not `print`: the signal may have interrupted a `print`.
            os.write(2, f"\n{name}: {self._notice}\n".encode())

    def _give_back(self) -> None:
        while self._before:
            signum, handler = self._before.popitem()
            signal.signal(signum, handler)
