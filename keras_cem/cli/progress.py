"""Training progress, one line an epoch: for terminals and for log files."""

import time
from typing import Any

import keras


class ProgressLine(keras.callbacks.Callback):
    """Prints one line after each epoch."""

    def on_train_begin(self, logs: Any = None) -> None:
        """Starts the clock."""
        self._started = time.perf_counter()

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Prints the epoch's line."""
        logs = logs or {}
        seconds = time.perf_counter() - self._started
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
            f"{seconds:7.1f} s",
        ]
        print("  ".join(part for part in parts if part), flush=True)
