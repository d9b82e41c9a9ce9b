"""`keras-cem plot`."""

import importlib
import json
import pathlib
from typing import Any

from absl import flags

from keras_cem.cli.console import CommandError
from keras_cem.cli.flags import resuming
from keras_cem.cli.flags.plot_flags import define_flags as define_flags
from keras_cem.cli.run import environment, output_folder
from keras_cem.cli.run.folder import RunFolder
from keras_cem.pictures import policy_slice
from keras_cem.utils import extras

# Settings that may differ between runs of one line.
_SAME_LINE = {
    "preset",
    "seed",
    "plot",
    "progress",
    "epochs",
    "episodes",
    "stop_at",
    "track",
    "video",
    "checkpoint_every",
}
_EPISODES = 20


def run(values: flags.FlagValues) -> None:
    """Draws the pictures."""
    extras.require("plot", "`plot` needs")
    folders = [RunFolder(path) for path in values.run]
    if len(folders) > 1 and values.output is None:
        raise CommandError(
            "--output must be given for several runs. Received: "
            f"{len(folders)} runs without --output"
        )
    if len(folders) > 1 and values.dimensions is not None:
        raise CommandError(
            "--dimensions must be given for a single run only. Received: "
            f"--dimensions={','.join(values.dimensions)}"
        )
    dimensions = _dimensions(values.dimensions)
    configs = [
        folder.read_config(values.env, values.wrapper) for folder in folders
    ]
    output = output_folder.prepare(
        folders[0].path if values.output is None else values.output,
        [
            *(path.name for path in vars(folders[0]).values()),
            "comparison.png",
        ],
    )
    # Import only when needed: matplotlib takes a second.
    pictures = importlib.import_module("keras_cem.cli.report.pictures")
    if len(folders) > 1:
        drawn = [output / "comparison.png"]
        pictures.plots.comparison(
            _groups(folders, configs), drawn[0], _solved(pictures, configs)
        )
    else:
        drawn = _draw_one(
            pictures, folders[0], configs[0], output, dimensions, values.env
        )
    for path in drawn:
        print(f"Drawn: {path}")


def _draw_one(
    pictures: Any,
    folder: RunFolder,
    config: dict[str, Any],
    output: pathlib.Path,
    dimensions: tuple[int, ...] | None,
    env: str | None,
) -> list[pathlib.Path]:
    drawn = pictures.draw(folder, output, config)
    agent = folder.load_agent()
    if dimensions is not None:
        policy_slice.check(agent, dimensions)
    elif not pictures.has_map(agent):
        return drawn
    trained_with = config["flags"]
    played = agent.collect(
        environment.of(trained_with, env),
        _EPISODES,
        max_episode_steps=trained_with.get("max_episode_steps"),
        engine="host",
    )
    return [
        *drawn,
        pictures.draw_map(agent, played, folder, output, dimensions or (0, 1)),
    ]


def _dimensions(given: list[str] | None) -> tuple[int, ...] | None:
    if given is None:
        return None
    try:
        return tuple(int(axis) for axis in given)
    except ValueError as error:
        raise CommandError(
            "--dimensions must be two integers, such as 0,2. Received: "
            f"--dimensions={','.join(given)}"
        ) from error


def _groups(
    folders: list[RunFolder], configs: list[dict[str, Any]]
) -> dict[str, list[pathlib.Path]]:
    """Groups histories by the settings that differ between runs."""
    settings = [
        {
            name: json.dumps(value)
            for name, value in config["flags"].items()
            if name not in (*resuming.NOT_KEPT, *_SAME_LINE)
        }
        for config in configs
    ]
    names = sorted({name for each in settings for name in each})
    differing = [
        name for name in names if len({s.get(name) for s in settings}) > 1
    ]
    groups: dict[str, list[pathlib.Path]] = {}
    for folder, each in zip(folders, settings, strict=True):
        label = ", ".join(
            f"{name}={each.get(name, 'unknown')}" for name in differing
        )
        if not label:
            label = configs[0]["flags"]["env"]
        groups.setdefault(label[:120], []).append(folder.history)
    return {
        f"{label} ({len(paths)} runs)" if len(paths) > 1 else label: paths
        for label, paths in groups.items()
    }


def _solved(pictures: Any, configs: list[dict[str, Any]]) -> float | None:
    """Returns the return that counts as solved if all runs share it."""
    found = {pictures.stop_at(config) for config in configs}
    return found.pop() if len(found) == 1 else None
