"""Files of flags, `--flagfile=FILE`, checked before absl reads them."""

import os
import stat
from collections.abc import Sequence

from keras_cem.cli.console import CommandError

# Bytes; all flags of a command take about 2,000.
_MAX_SIZE = 2**20
_FLAG = "flagfile"


def check(arguments: Sequence[str], reading: tuple[str, ...] = ()) -> None:
    """Refuses flag files that absl cannot read, or would read forever.

    Args:
        arguments: Arguments of the command, or lines of a flag file.
        reading: Flag files that include each other, the outermost first.
            Defaults to none.

    Raises:
        CommandError: If a flag file is not a regular file, is too large, is
            not UTF-8 text, or includes itself.
    """
    for path in _named(arguments):
        if path in reading:
            raise CommandError(
                f"--{_FLAG} must not include itself. Received: "
                f"{' -> '.join((*reading, path))}"
            )
        check(_lines(path), (*reading, path))


def _named(arguments: Sequence[str]) -> list[str]:
    """Returns the flag files in `arguments`, found as absl finds them."""
    found = []
    for number, argument in enumerate(arguments):
        name, equals, value = argument.strip().lstrip("-").partition("=")
        if name != _FLAG or not argument.strip().startswith("-"):
            continue
        if not equals:
            value = (*arguments[number + 1 : number + 2], "")[0]
        # absl expands the path in the same way.
        found.append(os.path.expanduser(value.strip(" \"'")))
    return found


def _lines(path: str) -> list[str]:
    try:
        # Opening a named pipe would wait for a writer.
        about = os.stat(path)
        if not stat.S_ISREG(about.st_mode):
            raise CommandError(
                f"--{_FLAG} must be a file. Received: --{_FLAG}={path}, a "
                "folder, a pipe or a device"
            )
        if about.st_size > _MAX_SIZE:
            raise CommandError(
                f"--{_FLAG} must have at most {_MAX_SIZE:,} bytes. Received: "
                f"--{_FLAG}={path} of {about.st_size:,} bytes"
            )
        with open(path, "rb") as file:
            content = file.read()
    except OSError as error:
        raise CommandError(
            f"--{_FLAG} must be a readable file. Received: --{_FLAG}={path}. "
            f"{error}"
        ) from error
    try:
        return content.decode("utf-8").splitlines()
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise CommandError(
            f"--{_FLAG} must be UTF-8 text. Received: --{_FLAG}={path}, with "
            f"the byte 0x{content[error.start]:02x} in line {line}"
        ) from error
