"""Training progress, one line per epoch, for terminals and log files."""

import sys
import time
from typing import Any

import keras

from keras_cem.agent.progress_bar import StepRate
from keras_cem.cli.console import say


def has_bar(kind: str) -> bool:
    """Whether to show Keras' progress bar.

    Args:
        kind: A value of --progress.
    """
    return kind == "bar" or (kind == "auto" and sys.stdout.isatty())


class ProgressLine(keras.callbacks.Callback):
    """Prints one line after each epoch, with the run's total time.

    The clock starts when the callback is created. In a resumed run, it includes
    the time before the checkpoint.

    Attributes:
        quiet: Whether to print nothing and only measure time.
    """

    def __init__(self) -> None:
        super().__init__()
        self.quiet = False
        self._started = time.perf_counter()
        self._before = 0.0
        self._rate = StepRate()

    def seconds(self) -> float:
        """Returns the run's total time in seconds."""
        return self._before + time.perf_counter() - self._started

    def get_state(self) -> dict[str, float]:
        """Returns the state to store in a checkpoint."""
        return {"seconds": self.seconds()}

    def set_state(self, state: dict[str, float]) -> None:
        """Restores the time before the checkpoint."""
        self._before = state["seconds"]

    def on_train_begin(self, logs: Any = None) -> None:
        """Notes the environment steps that the agent has played so far."""
        self._rate = StepRate(int(self.model.env_steps))

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Starts the clock of the epoch."""
        self._rate.begin()

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Stops the clock of the epoch before validation starts."""
        self._rate.stop()

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Prints the epoch's line."""
        if self.quiet:
            return
        logs = logs or {}
        greedy = logs.get("val_episode_return")
        steps = int(logs["env_steps"])
        parts = [
            f"epoch {epoch + 1:>4}/{self.params['epochs']}",
            f"return {logs['episode_return']:9.2f}",
            f"best {logs['episode_return_max']:9.2f}",
            "" if greedy is None else f"greedy {greedy:9.2f}",
            f"threshold {logs['elite_threshold']:9.2f}",
            f"elites {logs['num_elites']:4.0f}",
            f"epsilon {logs['epsilon']:.3f}",
            f"loss {logs['loss']:10.3f}",
            f"critic loss {logs['critic_loss']:8.3f}"
            if "critic_loss" in logs
            else "",
            f"steps {steps:>10,}",
            f"{self._rate.end(steps):>9,.0f} steps/s",
            f"{self.seconds():7.1f} s",
        ]
        say("  ".join(part for part in parts if part))
