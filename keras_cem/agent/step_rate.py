"""Environment steps a second of an epoch."""

import time


class StepRate:
    """Counts the steps of an epoch, and takes its time.

    Args:
        env_steps: Steps that were done before. Defaults to `0`.
    """

    def __init__(self, env_steps: int = 0):
        self._steps = env_steps
        self.begin()

    def begin(self) -> None:
        """Starts the clock of an epoch."""
        self._began = self._until = time.perf_counter()

    def stop(self) -> None:
        """Takes the time: what comes until the next call is not counted."""
        self._until = time.perf_counter()

    def so_far(self, env_steps: int) -> float:
        """Steps a second from the beginning of the epoch to the last stop.

        Args:
            env_steps: All steps that are done.
        """
        return (env_steps - self._steps) / max(self._until - self._began, 1e-9)

    def end(self, env_steps: int) -> float:
        """Returns the rate of the epoch; what comes is of the next one."""
        rate = self.so_far(env_steps)
        self._steps = env_steps
        return rate
