"""Version of the format that agents are saved in.

The format is what `CEMAgent.get_config` returns and the names of its weights.
Whoever changes it so that agents saved before cannot be loaded as they are:

1. Counts `FORMAT_VERSION` up.
2. Adds to `MIGRATIONS`, under the version before, a function from a
   configuration of that version to one of the next.
3. Leaves the folders in `tests/golden` as they are, and adds one of the new
   version (`python -m tests.golden.make`): each must load for ever.

A new option that is off by default needs none of this.
"""

from collections.abc import Callable
from typing import Any

from keras_cem.version import __version__

FORMAT_VERSION = 1
MIGRATIONS: dict[int, Callable[[dict[str, Any]], dict[str, Any]]] = {}
VERSION_KEYS = ("format_version", "keras_cem_version")


def stamp(config: dict[str, Any]) -> dict[str, Any]:
    """Returns a configuration with the versions that it is written by."""
    versions = (FORMAT_VERSION, __version__)
    return {**config, **dict(zip(VERSION_KEYS, versions, strict=True))}


def migrate(config: dict[str, Any]) -> dict[str, Any]:
    """Returns a configuration of today's format, without its versions.

    Args:
        config: As `stamp` returned it, in this or an earlier version.

    Raises:
        ValueError: If it was written by a later version.
    """
    config = dict(config)
    version, writer = (config.pop(key, None) for key in VERSION_KEYS)
    if not isinstance(version, int) or not 1 <= version <= FORMAT_VERSION:
        raise ValueError(
            f"An agent must be saved in format version {FORMAT_VERSION} or "
            f"earlier to be loaded by keras_cem {__version__}. Received: "
            f"format_version={version!r}, saved by keras_cem {writer}. Install "
            f"that version."
        )
    for number in range(version, FORMAT_VERSION):
        config = MIGRATIONS[number](config)
    return config
