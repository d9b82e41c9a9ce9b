"""`keras-cem tune`."""

import csv
import dataclasses
import importlib
import json
import pathlib
import shlex
import time
from collections.abc import Callable, Collection, Mapping
from typing import Any

from absl import flags

from keras_cem.cli.console import CommandError
from keras_cem.cli.flags import (
    from_flags,
    json_flags,
    preset,
)
from keras_cem.cli.flags.tune_flags import define_flags as define_flags
from keras_cem.cli.run import output_folder
from keras_cem.cli.run.folder import write_json
from keras_cem.cli.tuning import search_space, trial
from keras_cem.saving.interrupts import HeldSignals
from keras_cem.utils import extras, files

LOG, TABLE, PRESET = "trials.log", "trials.csv", "preset.json"


def run(values: flags.FlagValues) -> None:
    """Runs the search and writes its results after each trial."""
    extras.require("tune", "`keras-cem tune` needs")
    given = json_flags.given(values)
    preset.take_settings(values)
    episodes = _train_episodes(values, given)

    def settled(tried: Mapping[str, Any]) -> flags.FlagValues:
        return trial.settled(values, tried, given, episodes)

    # Refuse settings that would make every trial fail.
    from_flags.agent(settled({}))
    space = search_space.space(values, given, values.search)
    start = search_space.base(values, space)
    folder = _folder(values.output)
    # Import only now: Optuna is known to be installed.
    study = importlib.import_module("keras_cem.cli.tuning.study").Study(
        folder / LOG,
        _config(values, given, episodes, space),
        space,
        seed=values.seed,
        startup_trials=values.startup_trials,
        prune=values.prune,
    )
    held = HeldSignals(
        "finishing the current stage of the trial; the trial will be run "
        "again later. Press Ctrl-C again to stop now.",
        lambda: (
            f"interrupted; {len(study.done())} trials are kept. To continue, "
            "give the same command again."
        ),
    )

    def play(tried: dict[str, Any], report: trial.Report) -> trial.Outcome:
        def reported(stages: int, value: float) -> None:
            report(stages, value)
            held.check()

        return trial.play(settled(tried), values.trainings, reported)

    print(f"Searching {', '.join(space)}.", flush=True)
    with held:
        while len(study.done()) < values.trials:
            began = time.perf_counter()
            ended = study.run(start, play)
            print(
                _line(study, ended, values.trials),
                f"{time.perf_counter() - began:.1f} s",
                sep="  ",
                flush=True,
            )
            _write(folder, study, settled)
            held.check()
    best = study.best()
    if best is None:
        raise RuntimeError("no trial finished.")
    _write(folder, study, settled)
    print(
        f"Best of {len(study.done())} trials: return "
        f"{best.episode_return:.2f}. To train with its settings: keras-cem "
        f"train --env={values.env} --preset={shlex.quote(str(folder / PRESET))}"
        " --output=FOLDER"
    )


def _train_episodes(values: flags.FlagValues, given: Collection[str]) -> int:
    if values.train_episodes is None:
        return values.epochs * values.steps_per_epoch * values.batch_size
    if "epochs" in given:
        raise CommandError(
            "--train_episodes and --epochs must not be given together, "
            "because both set the length of training. Received: "
            f"--epochs={values.epochs}, "
            f"--train_episodes={values.train_episodes}"
        )
    return values.train_episodes


def _folder(path: str) -> pathlib.Path:
    folder = pathlib.Path(path)
    if (
        folder.is_dir()
        and any(folder.iterdir())
        and not (folder / LOG).is_file()
    ):
        raise CommandError(
            "--output must be a new or empty folder, or a folder of "
            f"`keras-cem tune`. Received: --output={path}, which holds other "
            "files"
        )
    return output_folder.prepare(folder, (LOG, TABLE, PRESET))


def _config(
    values: flags.FlagValues,
    given: Collection[str],
    episodes: int,
    space: Mapping[str, search_space.Values],
) -> dict[str, Any]:
    """Returns everything that trials depend on, as read back from JSON."""
    # The source of the settings does not matter, only their values.
    left_out = {"output", "preset", "search", "trials"}
    config = {
        **{name: values[name].value for name in values if name not in left_out},
        "train_episodes": None if "epochs" in given else episodes,
        "space": {name: dataclasses.asdict(space[name]) for name in space},
    }
    return json.loads(json.dumps(config))


def _line(study: Any, ended: trial.Record, trials: int) -> str:
    done, best = study.done(), study.best()
    value = ended.episode_return
    if ended.failure is not None:
        came_to = f"failed: {ended.failure}"
    elif ended.env_steps is None:
        came_to = f"ended early at {value:.2f}, after {ended.stages} stages"
    else:
        came_to = f"return {value:9.2f}  steps {ended.env_steps:>10,.0f}"
    parts = [
        f"trial {len(done):>4}/{trials}",
        came_to,
        f"best {best.episode_return:9.2f}" if best else "",
        " ".join(f"{name}={value}" for name, value in ended.tried.items()),
    ]
    return "  ".join(part for part in parts if part)


def _write(
    folder: pathlib.Path,
    study: Any,
    settled: Callable[[Mapping[str, Any]], flags.FlagValues],
) -> None:
    """Writes the table and the best settings so far."""
    rows = [
        {
            "trial": number,
            "episode_return": each.episode_return,
            "env_steps": each.env_steps,
            "stages": each.stages,
            "failure": each.failure,
            **each.tried,
        }
        for number, each in enumerate(study.done(), 1)
    ]
    with (
        files.replacing(folder / TABLE) as partial,
        partial.open("w", newline="", encoding="utf-8") as file,
    ):
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    best = study.best()
    if best is not None:
        write_json(folder / PRESET, trial.as_preset(settled(best.tried)))
