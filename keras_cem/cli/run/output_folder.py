"""A folder that pictures and films are written to."""

import os
import pathlib
from collections.abc import Iterable

from keras_cem.cli.console import CommandError


def prepare(path: str | os.PathLike[str], names: Iterable[str]) -> pathlib.Path:
    """Makes a folder, and refuses links at what will be written in it.

    Args:
        path: The folder.
        names: Of all files that will be.

    Raises:
        CommandError: If it cannot be made, or one of them is a symbolic link.
    """
    folder = pathlib.Path(path)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CommandError(
            "--output must be a folder that can be written. "
            f"Received: --output={folder}. {error}"
        ) from error
    for name in names:
        for file in (folder / name, folder / f".partial-{name}"):
            if file.is_symlink():
                raise CommandError(
                    f"{file} must be no symbolic link. Received: a link to "
                    f"{os.readlink(file)}"
                )
    return folder
