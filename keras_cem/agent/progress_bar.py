"""Keras' progress bar, with environment steps a second."""

import time
from typing import Any

import keras


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


class ProgressBar(keras.callbacks.ProgbarLogger):
    """Keras' bar, which shows `env_steps_per_second` beside what it shows.

    These are steps of playing and learning; validation takes no part in it.
    History does not have them, which would be other ones each time.
    """

    def on_train_begin(self, logs: Any = None) -> None:
        """Takes note of the steps that the agent has done in its life."""
        super().on_train_begin(logs)
        self._rate = StepRate(int(self.model.env_steps))

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Starts the clock of the epoch."""
        super().on_epoch_begin(epoch, logs)
        self._rate.begin()

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Shows what the iterations of the epoch came to so far."""
        self._rate.stop()
        steps = int(logs["env_steps"])
        super().on_train_batch_end(batch, _with(logs, self._rate.so_far(steps)))

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Shows what the epoch came to."""
        rate = self._rate.end(int(logs["env_steps"]))
        super().on_epoch_end(epoch, _with(logs, rate))


def _with(logs: dict[str, Any], rate: float) -> dict[str, Any]:
    return {**logs, "env_steps_per_second": rate}
