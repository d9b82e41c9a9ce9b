"""Time that a training may take."""

import time


class Budget:
    """Wall and processor seconds of this process; both must have passed.

    Args:
        started: Unix time of the start.
        seconds: Wall seconds since, positive.
        processor_seconds: Of all threads of this process; 0 for any.
    """

    def __init__(
        self, started: float, seconds: float, processor_seconds: float = 0.0
    ):
        self._started = started
        self._given = seconds, processor_seconds

    def used(self) -> tuple[float, float]:
        """Returns wall and processor seconds so far."""
        return time.time() - self._started, time.process_time()

    def left(self) -> float:
        """Returns the share of it that is left, 0 once it is used up."""
        shares = [
            used / given
            for used, given in zip(self.used(), self._given, strict=True)
            if given
        ]
        return max(0.0, 1.0 - min(shares))
