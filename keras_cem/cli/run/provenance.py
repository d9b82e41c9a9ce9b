"""Records which agent the pictures and videos of a run were made from.

Resuming a run may replace its best agent. Pictures and videos of the earlier
agent are then out of date, and the report leaves them out.
"""

import hashlib
import pathlib
from typing import Any

from keras_cem.cli.run import json_files
from keras_cem.cli.run.folder import RunFolder, write_json


def note(folder: RunFolder, *made: pathlib.Path) -> None:
    """Records that files of a run were made from its current agent.

    Args:
        folder: The run.
        *made: Files of the run.
    """
    digest = _digest(folder.agent)
    noted = {**_read(folder), **{path.name: digest for path in made}}
    write_json(folder.provenance, noted)


def is_current(folder: RunFolder, path: pathlib.Path) -> bool:
    """Whether a file of a run was made from its current agent.

    Args:
        folder: The run.
        path: A file of the run.

    Raises:
        ValueError: If the record is damaged.
    """
    return (
        folder.agent.is_file()
        and path.is_file()
        and _read(folder).get(path.name) == _digest(folder.agent)
    )


def _read(folder: RunFolder) -> dict[str, Any]:
    return json_files.read(
        folder.provenance, lambda content: dict(content.items()), {}
    )


def _digest(path: pathlib.Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
