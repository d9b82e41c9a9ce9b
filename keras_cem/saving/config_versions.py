"""Version of the format of saved agents.

The format consists of the configuration from `CEMAgent.get_config` and the
names of the weights. If you change it so that older saved agents do not load
unchanged:

1. Increase `FORMAT_VERSION` by 1.
2. Add a function to `MIGRATIONS`, under the previous version. It converts a
   configuration of the previous version to the new one.
3. Keep the folders in `tests/golden` unchanged. Add a folder of the new version
   (`python -m tests.golden.make`). Every folder must always load.

A new option that is off by default needs none of this.
"""

from collections.abc import Callable
from typing import Any

from keras_cem.version import __version__

FORMAT_VERSION = 1
MIGRATIONS: dict[int, Callable[[dict[str, Any]], dict[str, Any]]] = {}
VERSION_KEYS = ("format_version", "keras_cem_version")
# If the class is unknown, Keras raises an error that shows the configuration.
HINT = {"to_load_this": "import keras_cem, then keras.saving.load_model(...)"}


def stamp(config: dict[str, Any]) -> dict[str, Any]:
    """Returns a configuration with the versions of format and keras_cem.

    It starts with a hint for users who load it without importing keras_cem.
    """
    versions = (FORMAT_VERSION, __version__)
    return {**HINT, **config, **dict(zip(VERSION_KEYS, versions, strict=True))}


def migrate(config: dict[str, Any]) -> dict[str, Any]:
    """Returns a configuration in the current format, without what `stamp` adds.

    Args:
        config: Configuration from `stamp` of this or an earlier version.

    Raises:
        ValueError: If it was written by a later version.
    """
    config = {name: config[name] for name in config if name not in HINT}
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
