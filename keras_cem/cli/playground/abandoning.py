"""Ends a rollout of the thread that trains."""

import contextlib
import threading
import time
from collections.abc import Iterator

from keras_cem.saving import interrupts


class AbandonedError(BaseException):
    """The playground ends during a rollout.

    No handler of errors catches it.
    """


class _Abandon:
    """Ends a rollout of a thread, see `interrupts.Pending`."""

    def __init__(self, thread: int):
        self.until, self.thread = time.monotonic(), thread

    def check(self) -> None:
        """Raises in the rollout."""
        raise AbandonedError


@contextlib.contextmanager
def abandoning(thread: threading.Thread) -> Iterator[None]:
    """Raises `AbandonedError` in a rollout of a thread on the host.

    Args:
        thread: The thread.
    """
    abandon = _Abandon(thread.ident or 0)
    interrupts.pending.append(abandon)
    try:
        yield
    finally:
        interrupts.pending.remove(abandon)
