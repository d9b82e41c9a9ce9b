"""Preparing an output folder for the files of a command."""

import os
import pathlib
from collections.abc import Iterable

from keras_cem.cli.console import CommandError


def prepare(path: str | os.PathLike[str], names: Iterable[str]) -> pathlib.Path:
    """Creates a folder; refuses symbolic links in place of files to write.

    Args:
        path: The folder.
        names: Names of the files to write in the folder.

    Raises:
        CommandError: If the folder cannot be created, or if one of the files
            is a symbolic link.
    """
    folder = pathlib.Path(path)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CommandError(
            "--output must be a writable folder. Received: "
            f"--output={folder}. {error}"
        ) from error
    for name in names:
        for file in (folder / name, folder / f".partial-{name}"):
            if file.is_symlink():
                raise CommandError(
                    f"{file} must not be a symbolic link. Received: a link "
                    f"to {os.readlink(file)}"
                )
    return folder
