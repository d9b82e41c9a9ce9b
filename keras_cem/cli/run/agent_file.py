"""Loading an agent that may come from a stranger."""

import json
import pathlib
import zipfile
from typing import Any

import keras

from keras_cem import CEMAgent
from keras_cem.cli.console import CommandError

_MEMBERS = frozenset({"config.json", "metadata.json", "model.weights.h5"})
# Bytes of the two that are JSON.
_MAX_JSON = 2**24


def load(path: pathlib.Path) -> CEMAgent:
    """Returns the agent that a `.keras` file holds.

    What Keras refuses in its safe mode is refused, such as code in the file.
    Sizes are checked by `keras_cem.saving.size_limits` before memory is taken
    for them.

    Args:
        path: The file.

    Raises:
        CommandError: If it holds no agent, or something else besides.
    """
    try:
        found = _class_of(_read_config(path))
        if found == "keras_cem>CEMAgent":
            loaded = keras.saving.load_model(path, safe_mode=True)
            if isinstance(loaded, CEMAgent):
                return loaded
    except Exception as error:  # A file of anyone's: it may be any.
        # Keras shows the whole configuration, and then what the matter is.
        reason = str(error).rpartition("Exception encountered: ")[2]
        raise CommandError(
            f"{path} must be an agent that can be loaded. Received: "
            f"{type(error).__name__}: {reason}"
        ) from error
    raise CommandError(f"{path} must hold a CEMAgent. Received: {found}")


def _read_config(path: pathlib.Path) -> Any:
    """The configuration in the archive, which holds nothing but an agent."""
    with zipfile.ZipFile(path) as archive:
        members = archive.infolist()
        names = sorted(member.filename for member in members)
        if names != sorted(_MEMBERS):
            raise ValueError(
                f"it must hold {sorted(_MEMBERS)}. Received: {names[:10]}"
            )
        for member in members:
            is_json = member.filename.endswith(".json")
            if is_json and member.file_size > _MAX_JSON:
                raise ValueError(
                    f"{member.filename} must have at most {_MAX_JSON:,} bytes. "
                    f"Received: {member.file_size:,}"
                )
        return json.loads(archive.read("config.json"))


def _class_of(config: Any) -> Any:
    if not isinstance(config, dict):
        return type(config).__name__
    return config.get("registered_name") or config.get("class_name")
