"""Settings that learn an environment, by its id.

One JSON file an environment: an object from names of flags of
`keras-cem train` to their values. What a file leaves out is as the flag's
default is. `benchmarks/results.py` measures what they reach, and writes it to
results.json beside them.
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
_NAME = re.compile(r"[a-z][a-z0-9_]*")
# Bytes; a preset has about 200.
_MAX_SIZE = 2**20

# A list is one flag whose values are separated by commas, a dictionary one that
# takes a JSON object.
Value = bool | int | float | str | list[Any] | dict[str, Any]


@dataclasses.dataclass(frozen=True)
class Measured:
    """What the settings for an environment reach.

    Attributes:
        episode_return: Mean return of greedy episodes, over all seeds.
        least: The least of the means of a seed.
        seeds: How many trainings.
        episodes: Greedy episodes of each, which no decision was made on.
        env_steps: Median of the steps that training played.
        seconds: Median of the whole process.
    """

    episode_return: float
    least: float
    seeds: int
    episodes: int
    env_steps: int
    seconds: float


def names() -> list[str]:
    """Returns the ids of the environments that have settings, in order."""
    return sorted(
        entry.name.removesuffix(_SUFFIX)
        for entry in importlib.resources.files(__name__).iterdir()
        if entry.name.endswith(_SUFFIX) and entry.name != _RESULTS
    )


def measured() -> dict[str, Measured]:
    """Returns what the settings reach, by the ids of the environments.

    Those that were not measured are not in it.
    """
    entry = importlib.resources.files(__name__) / _RESULTS
    content = json.loads(entry.read_text(encoding="utf-8"))
    return {env: Measured(**result) for env, result in content.items()}


def load(env: str) -> dict[str, Value]:
    """Returns the settings for an environment.

    Args:
        env: Id of a gymnasium environment, such as `"CartPole-v1"`.

    Returns:
        Names of flags of `keras-cem train`, and their values.

    Raises:
        ValueError: If there are no settings for it, or the file is damaged.
    """
    if env not in names():
        raise ValueError(
            f"`env` must be one of {', '.join(names())}, which have settings. "
            f"Received: env={env!r}"
        )
    entry = importlib.resources.files(__name__) / f"{env}{_SUFFIX}"
    return parse(entry.read_text(encoding="utf-8"), str(entry))


def read(path: str | os.PathLike[str]) -> dict[str, Value]:
    """Returns the settings in a file.

    Args:
        path: The file.

    Raises:
        ValueError: If it cannot be read, or holds no settings.
    """
    try:
        # To open a named pipe waits for whoever writes to it.
        if not stat.S_ISREG(os.stat(path).st_mode):
            raise ValueError(
                f"{path} must be a file. Received: a folder, a pipe or a device"
            )
        with open(path, "rb") as file:
            content = file.read(_MAX_SIZE + 1)
    except OSError as error:
        raise ValueError(
            f"{path} must be a file that can be read. {error}"
        ) from error
    if len(content) > _MAX_SIZE:
        raise ValueError(
            f"{path} must have at most {_MAX_SIZE:,} bytes. Received: more"
        )
    return parse(content, str(path))


def parse(text: str | bytes, source: str) -> dict[str, Value]:
    """Returns the settings that `text` spells out.

    Args:
        text: JSON; bytes are UTF-8.
        source: What error messages call it.

    Raises:
        ValueError: If it is no JSON object from names of flags to values.
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
            # Its keys and values are checked where they are used.
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
    """An object whose names differ; of two alike, JSON would take the last."""
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"{twice!r} is there more than once")
    return found


def as_flags(settings: dict[str, Value]) -> list[str]:
    """Returns settings as arguments of `keras-cem train`."""
    return [_as_flag(name, value) for name, value in settings.items()]


def as_text(value: Value) -> str:
    """Returns a value as the command line takes it."""
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
