"""Runs of `keras-cem train`, each a process of its own."""

import json
import pathlib
import subprocess
import sys
import time
from collections.abc import Sequence
from typing import Any

COMMAND = [sys.executable, "-m", "keras_cem.cli.main"]
# None of the seeds that were trained with.
FRESH_SEED = 2**31


def call(*arguments: str) -> str:
    """Calls `keras-cem`; returns what it printed.

    Raises:
        RuntimeError: With what it complained about, if it failed.
    """
    ended = subprocess.run(
        [*COMMAND, *arguments], capture_output=True, text=True, check=False
    )
    if ended.returncode:
        raise RuntimeError(ended.stderr)
    return ended.stdout


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
        `results.json` of the run, with `seconds`, from start to exit.
    """
    start = time.perf_counter()
    call(
        "train",
        f"--env={env}",
        f"--seed={seed}",
        f"--output={folder}",
        "--noplot",
        *flags,
    )
    seconds = time.perf_counter() - start
    results = json.loads((folder / "results.json").read_text())
    return {**results, "seconds": seconds}
