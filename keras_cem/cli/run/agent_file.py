"""Loading an agent from a file that may be untrusted."""

import json
import pathlib
import zipfile
from typing import Any

import keras

from keras_cem import CEMAgent
from keras_cem.cli.console import CommandError

_MEMBERS = frozenset({"config.json", "metadata.json", "model.weights.h5"})
# Bytes per JSON file in the archive.
_MAX_JSON = 2**24


def load(path: pathlib.Path) -> CEMAgent:
    """Loads an agent from a `.keras` file.

    Keras' safe mode refuses code in the file. `keras_cem.saving.size_limits`
    checks sizes before memory is allocated.

    Args:
        path: The file.

    Raises:
        CommandError: If the file does not hold exactly one agent, or if the
            agent cannot be loaded.
    """
    try:
        found = _class_of(_read_config(path))
        if found == "keras_cem>CEMAgent":
            loaded = keras.saving.load_model(path, safe_mode=True)
            if isinstance(loaded, CEMAgent):
                return loaded
    except Exception as error:  # An untrusted file can raise any exception.
        # Keras puts the whole configuration in front of the reason.
        reason = str(error).rpartition("Exception encountered: ")[2]
        raise CommandError(
            f"{path} must hold an agent that can be loaded. Received: "
            f"{type(error).__name__}: {reason}"
        ) from error
    raise CommandError(f"{path} must hold a CEMAgent. Received: {found}")


def _read_config(path: pathlib.Path) -> Any:
    """Returns the configuration; refuses archives with other members."""
    with zipfile.ZipFile(path) as archive:
        members = archive.infolist()
        names = sorted(member.filename for member in members)
        if names != sorted(_MEMBERS):
            raise ValueError(
                f"the archive must hold {sorted(_MEMBERS)}. Received: "
                f"{names[:10]}"
            )
        for member in members:
            is_json = member.filename.endswith(".json")
            if is_json and member.file_size > _MAX_JSON:
                raise ValueError(
                    f"{member.filename} must have at most {_MAX_JSON:,} "
                    f"bytes. Received: {member.file_size:,} bytes"
                )
        return json.loads(archive.read("config.json"))


def _class_of(config: Any) -> Any:
    if not isinstance(config, dict):
        return type(config).__name__
    return config.get("registered_name") or config.get("class_name")
