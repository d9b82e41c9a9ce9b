"""Runs of `keras-cem train`, each a process of its own."""

import json
import pathlib
from collections.abc import Sequence
from typing import Any

from benchmarks import processes

# None of the seeds that were trained with.
FRESH_SEED = 2**31


def call(*arguments: str) -> processes.Ended:
    """Calls `keras-cem`.

    Raises:
        RuntimeError: With what it complained about, if it failed.
    """
    return processes.run("keras_cem.cli.main", *arguments)


def train(
    folder: pathlib.Path, env: str, seed: int | str, flags: Sequence[str]
) -> dict[str, Any]:
    """Trains; returns what the run says of itself.

    Args:
        folder: Folder of the run, new or empty.
        env: Id of the environment.
        seed: Seed of the run.
        flags: Further flags of `keras-cem train`.

    Returns:
        `results.json` of the run, with `seconds`, from start to exit, and
        `processor_seconds`.
    """
    ended = call(
        "train",
        f"--env={env}",
        f"--seed={seed}",
        f"--output={folder}",
        "--noplot",
        *flags,
    )
    results = json.loads((folder / "results.json").read_text())
    return {
        **results,
        "seconds": ended.seconds,
        "processor_seconds": ended.processor_seconds,
    }
