"""Presets: settings that learn an environment, by its id.

There is one JSON file per environment. It maps names of flags of
`keras-cem train` to values; other flags have their defaults.
`benchmarks/results.py` measures the returns that presets reach, and writes
them to results.json in this folder. Environments without a preset of their own
have one of `GENERAL`, by their kind of actions.
"""

import dataclasses
import importlib.resources
import json
import os
import re
import stat
from typing import Any

_SUFFIX = ".json"
_RESULTS = "results.json"
GENERAL = ("Box", "Discrete")
_NAME = re.compile(r"[a-z][a-z0-9_]*")
# Bytes; a preset has about 200.
_MAX_SIZE = 2**20

# A list stands for a flag with comma-separated values, a dictionary for a flag
# that takes a JSON object.
Value = bool | int | float | str | list[Any] | dict[str, Any]


@dataclasses.dataclass(frozen=True)
class Measured:
    """Measured results of a preset.

    Attributes:
        episode_return: Mean return of greedy episodes, over all seeds.
        least: Smallest mean return of a seed.
        seeds: Number of seeds, one training each.
        episodes: Number of greedy episodes per seed. No decision in training
            depended on these episodes.
        env_steps: Environment steps per training, median over seeds.
        seconds: Seconds per process, from start to end, median over seeds.
    """

    episode_return: float
    least: float
    seeds: int
    episodes: int
    env_steps: int
    seconds: float


def names() -> list[str]:
    """Returns the ids of the environments with a preset, in order."""
    found = {
        entry.name.removesuffix(_SUFFIX)
        for entry in importlib.resources.files(__name__).iterdir()
        if entry.name.endswith(_SUFFIX) and entry.name != _RESULTS
    }
    return sorted(found.difference(GENERAL))


def measured() -> dict[str, Measured]:
    """Returns the measured results of presets, by environment id.

    Presets without measurements are left out.
    """
    entry = importlib.resources.files(__name__) / _RESULTS
    content = json.loads(entry.read_text(encoding="utf-8"))
    return {env: Measured(**result) for env, result in content.items()}


def load(env: str) -> dict[str, Value]:
    """Returns the preset of an environment, or of a kind of actions.

    Args:
        env: Id of a gymnasium environment, such as `"CartPole-v1"`, or one of
            `GENERAL`.

    Returns:
        Values by name of flag of `keras-cem train`.

    Raises:
        ValueError: If there is no preset for `env`, or its file is damaged.
    """
    if env not in (*names(), *GENERAL):
        raise ValueError(
            "`env` must be an environment with a preset: one of "
            f"{', '.join(names())}. Received: env={env!r}"
        )
    entry = importlib.resources.files(__name__) / f"{env}{_SUFFIX}"
    return parse(entry.read_text(encoding="utf-8"), str(entry))


def read(path: str | os.PathLike[str]) -> dict[str, Value]:
    """Returns the settings in a file.

    Args:
        path: The file.

    Raises:
        ValueError: If the file cannot be read or holds no settings.
    """
    try:
        # Opening a named pipe would wait for a writer.
        if not stat.S_ISREG(os.stat(path).st_mode):
            raise ValueError(
                f"{path} must be a file. Received: a folder, a pipe or a device"
            )
        with open(path, "rb") as file:
            content = file.read(_MAX_SIZE + 1)
    except OSError as error:
        raise ValueError(f"{path} must be a readable file. {error}") from error
    if len(content) > _MAX_SIZE:
        raise ValueError(
            f"{path} must have at most {_MAX_SIZE:,} bytes. Received: more"
        )
    return parse(content, str(path))


def parse(text: str | bytes, source: str) -> dict[str, Value]:
    """Parses settings.

    Args:
        text: JSON; bytes are UTF-8.
        source: Name of the source in error messages.

    Raises:
        ValueError: If `text` is not a JSON object that maps flags to values.
    """
    try:
        settings = json.loads(text, object_pairs_hook=_distinct)
    except (RecursionError, ValueError) as error:
        raise ValueError(
            f"{source} must hold JSON. Received: {text[:80]!r}. "
            f"{str(error)[:200]}"
        ) from error
    if not isinstance(settings, dict):
        raise ValueError(
            f"{source} must hold a JSON object. Received: {str(settings)[:80]}"
        )
    for name, value in settings.items():
        if not _NAME.fullmatch(name):
            raise ValueError(
                f"Names in {source} must be names of flags, such as "
                f"batch_size. Received: {name!r}"
            )
        if isinstance(value, dict):
            # The flag that uses the object checks its keys and values.
            continue
        items = value if isinstance(value, list) else [value]
        if not all(
            isinstance(item, bool | int | float | str) for item in items
        ):
            raise ValueError(
                f"Values in {source} must be booleans, numbers, strings, "
                "lists of them or objects. Received: "
                f"{name}={repr(value)[:80]}"
            )
    return settings


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Refuses duplicate names, of which `json` would keep only the last."""
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"{twice!r} appears more than once")
    return found


def as_flags(settings: dict[str, Value]) -> list[str]:
    """Returns settings as arguments of `keras-cem train`."""
    return [_as_flag(name, value) for name, value in settings.items()]


def as_text(value: Value) -> str:
    """Returns a value as text for the command line."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return ",".join(map(str, value))
    if isinstance(value, dict):
        return json.dumps(value)
    return str(value)


def _as_flag(name: str, value: Value) -> str:
    if isinstance(value, bool):
        return f"--{name}" if value else f"--no{name}"
    return f"--{name}={as_text(value)}"
