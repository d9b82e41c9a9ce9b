"""Training progress, one line an epoch: for terminals and for log files."""

import sys
import time
from typing import Any

import keras

from keras_cem.agent.progress_bar import StepRate
from keras_cem.cli.console import say

# What --progress may be.
KINDS = ("auto", "bar", "line", "none")


def has_bar(kind: str) -> bool:
    """Whether Keras' bar is to be seen.

    Args:
        kind: One of `KINDS`.
    """
    return kind == "bar" or (kind == "auto" and sys.stdout.isatty())


class ProgressLine(keras.callbacks.Callback):
    """Prints one line after each epoch, with the time that the run has taken.

    The clock starts as this is made, and counts what the run had taken before
    it was resumed.

    Attributes:
        quiet: Whether nothing is printed, and only the clock runs.
    """

    def __init__(self) -> None:
        super().__init__()
        self.quiet = False
        self._started = time.perf_counter()
        self._before = 0.0
        self._rate = StepRate()

    def seconds(self) -> float:
        """Seconds that the run has taken."""
        return self._before + time.perf_counter() - self._started

    def get_state(self) -> dict[str, float]:
        """What a checkpoint keeps."""
        return {"seconds": self.seconds()}

    def set_state(self, state: dict[str, float]) -> None:
        """Counts the time before the checkpoint."""
        self._before = state["seconds"]

    def on_train_begin(self, logs: Any = None) -> None:
        """Takes note of the steps that the agent has done in its life."""
        self._rate = StepRate(int(self.model.env_steps))

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Starts the clock of the epoch."""
        self._rate.begin()

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Takes the time: validation is not counted."""
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
            f"steps {steps:>10,}",
            f"{self._rate.end(steps):>9,.0f} steps/s",
            f"{self.seconds():7.1f} s",
        ]
        say("  ".join(part for part in parts if part))
