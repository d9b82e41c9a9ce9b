"""Training progress, one line an epoch: for terminals and for log files."""

import time
from typing import Any

import keras


class ProgressLine(keras.callbacks.Callback):
    """Prints one line after each epoch, with the time that the run has taken.

    The clock starts as this is made, and counts what the run had taken before
    it was resumed.
    """

    def __init__(self) -> None:
        super().__init__()
        self._started = time.perf_counter()
        self._before = 0.0

    def seconds(self) -> float:
        """Seconds that the run has taken."""
        return self._before + time.perf_counter() - self._started

    def get_state(self) -> dict[str, float]:
        """What a checkpoint keeps."""
        return {"seconds": self.seconds()}

    def set_state(self, state: dict[str, float]) -> None:
        """Counts the time before the checkpoint."""
        self._before = state["seconds"]

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Prints the epoch's line."""
        logs = logs or {}
        greedy = logs.get("val_episode_return")
        parts = [
            f"epoch {epoch + 1:>4}/{self.params['epochs']}",
            f"return {logs['episode_return']:9.2f}",
            f"best {logs['episode_return_max']:9.2f}",
            "" if greedy is None else f"greedy {greedy:9.2f}",
            f"threshold {logs['elite_threshold']:9.2f}",
            f"elites {logs['num_elites']:4.0f}",
            f"epsilon {logs['epsilon']:.3f}",
            f"loss {logs['loss']:10.3f}",
            f"steps {int(logs['env_steps']):>10,}",
            f"{self.seconds():7.1f} s",
        ]
        print("  ".join(part for part in parts if part), flush=True)
