"""Keras' progress bar, with environment steps per second."""

import time

import keras

Logs = dict[str, float]


class StepRate:
    """Measures the steps per second of an epoch.

    Args:
        env_steps: Number of steps done before. Defaults to `0`.
    """

    def __init__(self, env_steps: int = 0):
        self._steps = env_steps
        self.begin()

    def begin(self) -> None:
        """Starts the clock of an epoch."""
        self._began = self._until = time.perf_counter()

    def stop(self) -> None:
        """Stops the clock; the time until the next call does not count."""
        self._until = time.perf_counter()

    def so_far(self, env_steps: int) -> float:
        """Returns steps per second from the epoch's start to the last stop.

        Args:
            env_steps: Number of all steps done so far.
        """
        return (env_steps - self._steps) / max(self._until - self._began, 1e-9)

    def end(self, env_steps: int) -> float:
        """Returns the rate of the epoch; later steps count for the next."""
        rate = self.so_far(env_steps)
        self._steps = env_steps
        return rate


class ProgressBar(keras.callbacks.ProgbarLogger):
    """Keras' progress bar, which also shows `env_steps_per_second`.

    The rate covers playing and learning, without validation. History does not
    contain the rate, because it differs from run to run.
    """

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Stores the number of steps that the agent has done before."""
        super().on_train_begin(logs)
        self._rate = StepRate(int(self.model.env_steps))

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        """Starts the clock of the epoch."""
        super().on_epoch_begin(epoch, logs)
        self._rate.begin()

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Shows the logs and the rate of the epoch so far."""
        self._rate.stop()
        logs = logs or {}
        steps = int(logs["env_steps"])
        super().on_train_batch_end(batch, _with(logs, self._rate.so_far(steps)))

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Shows the logs and the rate of the epoch."""
        logs = logs or {}
        rate = self._rate.end(int(logs["env_steps"]))
        super().on_epoch_end(epoch, _with(logs, rate))


def _with(logs: Logs, rate: float) -> Logs:
    return {**logs, "env_steps_per_second": rate}
