r"""Seconds for all that people look at of a run.

1. `keras-cem train --env=CartPole-v1` from start to exit of the process,
   pictures and report included, for each seed; then `keras-cem record` and
   `keras-cem plot --dimensions=2,3`, and `keras-cem report` with
   what they made.
2. The pictures of a history of 10,000 epochs, of made-up numbers, with as many
   returns as a run of that length keeps; without the imports.

Seconds of processors are printed as well, which other load disturbs less.

    pip install 'keras-cem[plot,video]'
    python -m benchmarks.pictures --seeds=0,1,2
"""

import pathlib
import sys
import tempfile
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from absl import flags

from benchmarks import processes
from keras_cem.pictures import plots

# Apart from those of other modules, so that tests can import this one.
_FLAGS = flags.FlagValues()
_DEFINE = {"flag_values": _FLAGS}
_SEEDS = flags.DEFINE_list(
    "seeds", ["0", "1", "2"], "Seeds of the runs.", **_DEFINE
)
_EPOCHS = flags.DEFINE_integer("epochs", 10_000, "Of the history.", **_DEFINE)

MADE = ("learning_curve.png", "returns.png", "report.html")
# As many as `callbacks.ReturnsLogger` keeps.
_STAGES, _RETURNS = 101, 256


def main(argv: list[str]) -> None:
    """Measures both and prints a table."""
    _FLAGS(argv)
    print(f"{'':32} {'seconds':>8} {'processors':>10}")
    with tempfile.TemporaryDirectory() as temporary:
        folder = pathlib.Path(temporary)
        for seed in _SEEDS.value:
            _run(seed, folder / seed)
        total = 0.0
        for name, draw in drawings(folder, _EPOCHS.value).items():
            began = time.perf_counter(), time.process_time()
            draw()
            seconds = time.perf_counter() - began[0]
            total += seconds
            _print(name, seconds, time.process_time() - began[1])
        print(f"All pictures of {_EPOCHS.value:,} epochs: {total:.1f} s")


def _run(seed: str, folder: pathlib.Path) -> None:
    for command in (
        ["train", "--env=CartPole-v1", f"--seed={seed}", f"--output={folder}"],
        ["record", f"--run={folder}"],
        ["plot", f"--run={folder}", "--dimensions=2,3"],
        ["report", f"--run={folder}"],
    ):
        ended = processes.run("keras_cem.cli.main", *command)
        _print(
            f"keras-cem {command[0]}, seed {seed}",
            ended.seconds,
            ended.processor_seconds,
        )
        missing = [name for name in MADE if not (folder / name).is_file()]
        if missing:
            raise RuntimeError(f"{folder} lacks {', '.join(missing)}")


def _print(name: str, seconds: float, processors: float) -> None:
    print(f"{name:32} {seconds:8.1f} {processors:10.1f}", flush=True)


def drawings(folder: pathlib.Path, epochs: int) -> dict[str, Callable[[], Any]]:
    """Writes a history down; returns what draws it, by names of pictures.

    Args:
        folder: Where to.
        epochs: How many.
    """
    history = folder / "history.csv"
    write_history(history, epochs)
    made_up = stages(epochs)
    return {
        "learning_curve": lambda: plots.learning_curve(
            history, folder / "learning_curve.png", 475.0, stages=made_up
        ),
        "returns": lambda: plots.returns(
            made_up[-1]["returns"], folder / "returns.png", 475.0, made_up
        ),
        "comparison, five seeds": lambda: plots.comparison(
            {"made up": [history] * 5}, folder / "comparison.png", 475.0
        ),
    }


def write_history(path: pathlib.Path, epochs: int) -> None:
    """Writes a history as `keras.callbacks.CSVLogger` would."""
    generator = np.random.default_rng(0)
    mean = 475 * (1 - np.exp(-np.arange(epochs) / (epochs / 4)))
    columns = {
        "epoch": np.arange(epochs),
        "elite_threshold": mean + 20,
        "env_steps": 1000 * np.arange(1, epochs + 1),
        "episode_return": mean + generator.normal(0, 10, epochs),
        "episode_return_max": mean + 25,
        "epsilon": 1 / np.arange(1, epochs + 1),
        "val_episode_return": mean + generator.normal(0, 20, epochs),
    }
    np.savetxt(
        path,
        np.stack(list(columns.values()), axis=1),
        fmt=["%d", "%.6g", "%d", "%.6g", "%.6g", "%.6g", "%.6g"],
        delimiter=",",
        header=",".join(columns),
        comments="",
    )


def stages(epochs: int) -> list[dict[str, Any]]:
    """Returns of evenly spaced epochs, as a run would keep them."""
    generator = np.random.default_rng(1)
    return [
        {
            "iteration": int(iteration),
            "env_steps": 1000 * int(iteration),
            "elite_threshold": 300.0,
            "returns": np.sort(generator.uniform(0, 500, _RETURNS)).tolist(),
        }
        for iteration in np.linspace(1, epochs, min(_STAGES, epochs))
    ]


if __name__ == "__main__":
    main(sys.argv)
