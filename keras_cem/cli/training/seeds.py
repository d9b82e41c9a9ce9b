"""Trains with several seeds: one run per seed, a table and a comparison."""

import concurrent.futures
import csv
import dataclasses
import importlib
import json
import pathlib
import subprocess
import sys
import threading
from typing import Any

import numpy as np
from absl import flags

from keras_cem.adapters.gymnasium_ids import reward_threshold
from keras_cem.cli.console import CommandError
from keras_cem.cli.flags import worker_flags
from keras_cem.cli.run import output_folder
from keras_cem.cli.run import results as run_results
from keras_cem.cli.run.folder import RunFolder, write_json
from keras_cem.utils import extras, files, seed_statistics
from keras_cem.utils.printing import say

SETTINGS, TABLE, PICTURE = "seeds.json", "seeds.csv", "comparison.png"
# Flags of this process, not of the runs.
_OWN = ("jobs", "output", "overwrite", "progress", "resume", "seed", "seeds")


@dataclasses.dataclass(frozen=True)
class Row:
    """The result of a seed, a row of the table.

    Attributes:
        seed: The seed.
        episode_return: Mean return of the final evaluation.
        standard_deviation: Standard deviation of its episodes.
        env_steps: Environment steps of training.
        epochs: Epochs of training.
        seconds: Seconds of training.
        solved: Whether the mean return reaches gymnasium's threshold; None
            if there is none.
    """

    seed: int
    episode_return: float
    standard_deviation: float
    env_steps: int
    epochs: int
    seconds: float
    solved: bool | None


def run(values: flags.FlagValues) -> None:
    """Trains with each seed whose run is not finished.

    Args:
        values: The parsed flags of `train`.

    Raises:
        CommandError: If a flag contradicts --seeds, or the folder holds runs
            with other settings.
        RuntimeError: If a run fails; the others are finished first.
    """
    seeds = _seeds(values)
    extras.require("seeds", "--seeds needs")
    arguments = [
        line
        for name in sorted(values)
        if values[name].present and name not in _OWN
        for line in values[name].serialize().splitlines()
    ]
    output = output_folder.prepare(values.output, (SETTINGS, TABLE, PICTURE))
    _check_settings(output, arguments, values.overwrite)
    folders = {seed: RunFolder(output / f"seed-{seed}") for seed in seeds}
    pool = concurrent.futures.ThreadPoolExecutor(values.jobs)
    try:
        codes = dict(
            zip(
                seeds,
                pool.map(
                    lambda seed: _train(
                        seed, folders[seed], arguments, values.overwrite
                    ),
                    seeds,
                ),
                strict=True,
            )
        )
    finally:
        # After Ctrl-C the runs write checkpoints; no other one starts.
        pool.shutdown(cancel_futures=True)
    failed = [seed for seed, code in codes.items() if code]
    if failed:
        raise RuntimeError(
            f"training with the seeds {', '.join(map(str, failed))} failed; "
            f"see {output}/seed-{failed[0]}.log. To continue, give the same "
            "command again."
        )
    threshold = reward_threshold(values.env)
    rows = [_row(seed, folders[seed], threshold) for seed in seeds]
    _write(output, rows)
    for line in _lines(rows, threshold):
        say(line)
    if values.plot is not False and extras.missing("plot") is None:
        _draw(output, folders, values.env, threshold)
    say(f"Folder: {output}")


def _seeds(values: flags.FlagValues) -> list[int]:
    try:
        seeds = [int(seed) for seed in values.seeds]
    except ValueError:
        seeds = []
    if not seeds or len({*seeds}) < len(seeds) or min(seeds) < 0:
        raise CommandError(
            "--seeds must be different integers of at least 0, such as "
            f"0,1,2,3,4. Received: --seeds={','.join(values.seeds)}"
        )
    for name in ("seed", "resume"):
        if values[name].present:
            raise CommandError(
                f"--{name} must not be given with --seeds, which resumes "
                "unfinished runs by itself. Received: "
                f"--{name}={values[name].value}"
            )
    if values.env is None:
        raise CommandError("--env must be given with --seeds.")
    return seeds


def _check_settings(
    output: pathlib.Path, arguments: list[str], overwrite: bool
) -> None:
    """Refuses a folder of other settings, and notes those of a new one."""
    path = output / SETTINGS
    if not overwrite and any(output.iterdir()):
        try:
            before = json.loads(path.read_text(encoding="utf-8"))["arguments"]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise CommandError(
                "--output must be a new or empty folder, or one of --seeds. "
                f"Received: --output={output}, which holds other files"
            ) from error
        if before != arguments:
            raise CommandError(
                "--output holds runs with other flags. Received: "
                f"{' '.join(arguments)}, not {' '.join(before)}. Give the same "
                "flags, another folder, or --overwrite."
            )
    write_json(path, {"arguments": arguments})


# Lines of several runs must not mix.
_printing = threading.Lock()


def _train(
    seed: int, folder: RunFolder, arguments: list[str], overwrite: bool
) -> int:
    """Trains with a seed in a process of its own; returns its exit status."""
    command = [f"--output={folder.path}", "--progress=line"]
    if overwrite:
        command += [f"--seed={seed}", "--overwrite", *arguments]
    elif folder.results.is_file():
        return 0
    elif folder.config.is_file():
        names = tuple(f"--{name}=" for name in worker_flags.NAMES)
        given = [each for each in arguments if each.startswith(names)]
        command += ["--resume", *given]
    else:
        command += [f"--seed={seed}", *arguments]
    log = folder.path.with_suffix(".log")
    with (
        log.open("a", encoding="utf-8") as file,
        subprocess.Popen(
            [sys.executable, "-m", "keras_cem.cli.main", "train", *command],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        ) as process,
    ):
        for line in process.stdout or ():
            file.write(line)
            with _printing:
                say(f"seed {seed}: {line.rstrip()}")
    return process.returncode


def _row(seed: int, folder: RunFolder, threshold: float | None) -> Row:
    results: dict[str, Any] = run_results.read_results(folder.results)
    mean = results["episode_return_mean"]
    return Row(
        seed,
        mean,
        results["episode_return_std"],
        results["env_steps"],
        results["epochs"],
        results["wall_seconds"],
        None if threshold is None else mean >= threshold,
    )


def _write(output: pathlib.Path, rows: list[Row]) -> None:
    with (
        files.replacing(output / TABLE) as partial,
        partial.open("w", newline="", encoding="utf-8") as file,
    ):
        names = [field.name for field in dataclasses.fields(Row)]
        writer = csv.DictWriter(file, names)
        writer.writeheader()
        writer.writerows(map(dataclasses.asdict, rows))


def _lines(rows: list[Row], threshold: float | None) -> list[str]:
    lines = [
        "  seed    return  std. dev.       steps  epochs   seconds  solved"
    ]
    for row in rows:
        solved = {None: "", True: "yes", False: "no"}[row.solved]
        lines.append(
            f"{row.seed:>6} {row.episode_return:>9.2f} "
            f"{row.standard_deviation:>10.2f} {row.env_steps:>11,} "
            f"{row.epochs:>7} {row.seconds:>9.1f}  {solved}".rstrip()
        )
    returns = np.array([row.episode_return for row in rows])
    mean, interval = aggregate(returns)
    said = f"Interquartile mean over {len(rows)} seeds: {mean:.2f}"
    if interval is not None:
        low, high = interval
        said += f", 95 % bootstrap interval {low:.2f} to {high:.2f}"
    lines.append(f"{said}.")
    if threshold is not None:
        count = sum(row.solved is True for row in rows)
        lines.append(
            f"{count} of {len(rows)} seeds solved it: a return of "
            f"{threshold:g}."
        )
    return lines


def aggregate(
    returns: np.ndarray,
) -> tuple[float, tuple[float, float] | None]:
    """Returns the interquartile mean over seeds, and its interval.

    Args:
        returns: Array `(N,)`, the mean return of each seed.

    Returns:
        The mean of the middle half, and its 95 % bootstrap interval, None for
        fewer than 5 seeds.
    """
    mean = float(seed_statistics.interquartile_mean(returns))
    if len(returns) < seed_statistics.ENOUGH:
        return mean, None
    low, high = seed_statistics.interval(returns[:, np.newaxis])
    return mean, (float(low[0]), float(high[0]))


def _draw(
    output: pathlib.Path,
    folders: dict[int, RunFolder],
    env: str,
    threshold: float | None,
) -> None:
    # Import only when needed: matplotlib takes a second.
    plots = importlib.import_module("keras_cem.pictures.plots")
    groups = (
        {f"{env} ({len(folders)} seeds)": [f.history for f in folders.values()]}
        if len(folders) >= seed_statistics.ENOUGH
        else {f"seed {seed}": [f.history] for seed, f in folders.items()}
    )
    plots.comparison(groups, output / PICTURE, threshold)
    say(f"Drawn: {output / PICTURE}")
