"""Which agent pictures and films of a run were made from.

A run that goes on may have another agent by its end. What was made from the
one before is then out of date, and no page shows it as the agent's.
"""

import hashlib
import pathlib
from typing import Any

from keras_cem.cli.run import json_files
from keras_cem.cli.run.folder import RunFolder, write_json


def note(folder: RunFolder, *made: pathlib.Path) -> None:
    """Writes down that files of a run were made from its agent as it is now.

    Args:
        folder: The run.
        *made: Files in it.
    """
    digest = _digest(folder.agent)
    noted = {**_read(folder), **{path.name: digest for path in made}}
    write_json(folder.made_from, noted)


def is_current(folder: RunFolder, path: pathlib.Path) -> bool:
    """Whether a file of a run was made from its agent as it is now.

    Args:
        folder: The run.
        path: A file in it.

    Raises:
        ValueError: If what was written down is something else.
    """
    return (
        folder.agent.is_file()
        and path.is_file()
        and _read(folder).get(path.name) == _digest(folder.agent)
    )


def _read(folder: RunFolder) -> dict[str, Any]:
    return json_files.read(
        folder.made_from, lambda content: dict(content.items()), {}
    )


def _digest(path: pathlib.Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
