"""Files of flags, `--flagfile=FILE`, checked before absl reads them."""

import os
import stat
from collections.abc import Sequence

from keras_cem.cli.console import CommandError

# Bytes; all flags of a command have about 2,000.
_MAX_SIZE = 2**20
_FLAG = "flagfile"


def check(arguments: Sequence[str], reading: tuple[str, ...] = ()) -> None:
    """Refuses files of flags that absl would not read, or never end to.

    Args:
        arguments: Of the command, or lines of a file of flags.
        reading: Files that name each other, the outermost first. Defaults to
            none.

    Raises:
        CommandError: If a file is none, is too large, is not text, or names
            itself.
    """
    for path in _named(arguments):
        if path in reading:
            raise CommandError(
                f"--{_FLAG} must not lead back to itself. Received: "
                f"{' -> '.join((*reading, path))}"
            )
        check(_lines(path), (*reading, path))


def _named(arguments: Sequence[str]) -> list[str]:
    """The files that arguments name, as absl finds them."""
    found = []
    for number, argument in enumerate(arguments):
        name, equals, value = argument.strip().lstrip("-").partition("=")
        if name != _FLAG or not argument.strip().startswith("-"):
            continue
        if not equals:
            value = (*arguments[number + 1 : number + 2], "")[0]
        # As absl does.
        found.append(os.path.expanduser(value.strip(" \"'")))
    return found


def _lines(path: str) -> list[str]:
    try:
        # To open a named pipe waits for whoever writes to it.
        about = os.stat(path)
        if not stat.S_ISREG(about.st_mode):
            raise CommandError(
                f"--{_FLAG} must be a file. Received: --{_FLAG}={path}, a "
                "folder, a pipe or a device"
            )
        if about.st_size > _MAX_SIZE:
            raise CommandError(
                f"--{_FLAG} must have at most {_MAX_SIZE:,} bytes. Received: "
                f"--{_FLAG}={path} of {about.st_size:,}"
            )
        with open(path, "rb") as file:
            content = file.read()
    except OSError as error:
        raise CommandError(
            f"--{_FLAG} must be a file that can be read. Received: "
            f"--{_FLAG}={path}. {error}"
        ) from error
    try:
        return content.decode("utf-8").splitlines()
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise CommandError(
            f"--{_FLAG} must be UTF-8 text. Received: --{_FLAG}={path}, line "
            f"{line} with the byte 0x{content[error.start]:02x}"
        ) from error
