r"""Whether a long training keeps its memory, handles, processes and pace.

Each engine trains in a process of its own, the host's with worker processes;
validation and checkpoints included. Linux only: it reads /proc.

    python -m benchmarks.soak
    python -m benchmarks.soak --engine=host --iterations=500
"""

import gc
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time
from typing import Any

import keras
from absl import app, flags

from keras_cem import CEMAgent, callbacks

_ENGINE = flags.DEFINE_enum(
    "engine", "both", ["both", "graph", "host"], "What to train on."
)
_ITERATIONS = flags.DEFINE_integer("iterations", 2000, "How many.")
_SAMPLES = 200

PLAYING = {
    "graph": {"engine": "graph"},
    "host": {"num_envs": 2, "vectorization_mode": "async"},
}


class Sampler(keras.callbacks.Callback):
    """Notes what the process holds, a fixed number of times.

    Attributes:
        rows: Dictionaries of memory in MiB, open handles, child processes,
            and iterations a second since the row before.
    """

    def __init__(self, every: int):
        super().__init__()
        self.rows: list[dict[str, float]] = []
        self._every = every

    def on_train_begin(self, logs: Any = None) -> None:
        """Starts the clock."""
        self._time = time.perf_counter()

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Takes a sample if one is due."""
        if (epoch + 1) % self._every:
            return
        seconds = time.perf_counter() - self._time
        # What is not freed but could be is no leak.
        gc.collect()
        self.rows.append(
            {
                "memory": _resident(),
                "handles": len(os.listdir("/proc/self/fd")),
                "processes": _num_children(),
                "rate": self._every / seconds,
            }
        )
        self._time = time.perf_counter()


def _resident() -> float:
    # Without pages of files, which the system takes back as it likes.
    status = pathlib.Path("/proc/self/status").read_text()
    return int(status.split("RssAnon:")[1].split()[0]) / 1024


def _num_children() -> int:
    tasks = pathlib.Path("/proc/self/task").glob("*/children")
    return sum(len(task.read_text().split()) for task in tasks)


def train(engine: str, iterations: int) -> list[dict[str, float]]:
    """Trains and returns the samples."""
    agent = CEMAgent.from_env("CartPole-v1", hidden_units=(4,), seed=0)
    agent.compile(keras.optimizers.Adam(1e-2))
    sampler = Sampler(max(1, iterations // _SAMPLES))
    with tempfile.TemporaryDirectory() as directory:
        agent.fit(
            "CartPole-v1",
            batch_size=4,
            max_episode_steps=20,
            epochs=iterations,
            validation_data="CartPole-v1",
            callbacks=[
                callbacks.EpsilonDecay(),
                sampler,
                callbacks.Checkpoint(directory, every=50),
            ],
            verbose=0,
            **PLAYING[engine],
        )
    return sampler.rows


def report(engine: str, rows: list[dict[str, float]]) -> bool:
    """Prints quarter by quarter; returns whether all of it is flat."""
    quarter = len(rows) // 4
    print(f"{engine}, {_ITERATIONS.value} iterations, medians of each quarter")
    print("           " + "".join(f"{n:>10}" for n in "1234") + "   4th/2nd")
    flat = True
    for name, allowed in (
        ("memory", 0.02),
        ("handles", 0.0),
        ("processes", 0.0),
        ("rate", 0.1),
    ):
        values = [row[name] for row in rows]
        medians = [
            statistics.median(values[n * quarter : (n + 1) * quarter])
            for n in range(4)
        ]
        change = medians[3] / medians[1] - 1 if medians[1] else medians[3]
        fine = abs(change) <= allowed
        flat &= fine
        print(
            f"{name:10} "
            + "".join(f"{median:10.1f}" for median in medians)
            + f" {change:+9.2%} {'' if fine else 'NOT '}within {allowed:.0%}",
            flush=True,
        )
    return flat


def main(argv: list[str]) -> None:
    """Trains on one engine, or on each in its own process."""
    del argv
    if _ENGINE.value != "both":
        rows = train(_ENGINE.value, _ITERATIONS.value)
        sys.exit(not report(_ENGINE.value, rows))
    failed = 0
    for engine in PLAYING:
        failed += subprocess.run(
            [
                *(sys.executable, "-m", "benchmarks.soak"),
                *(f"--engine={engine}", f"--iterations={_ITERATIONS.value}"),
            ],
            check=False,
        ).returncode
    sys.exit(bool(failed))


if __name__ == "__main__":
    app.run(main)
