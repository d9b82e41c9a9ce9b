"""Flags that are paths of files or folders."""

from collections.abc import Sequence
from typing import Any

from absl import flags


def define(
    name: str,
    about: str,
    values: flags.FlagValues,
    *,
    multiple: bool = False,
    subject: str | None = None,
) -> None:
    """Defines a flag that takes a path and refuses an empty one.

    pathlib takes an empty path for the current folder. `--output=$FOLDER` gives
    an empty path if the variable is not set.

    Args:
        name: Name of the flag.
        about: Help of the flag.
        values: Where to define the flag.
        multiple: Whether it may be given more than once. Defaults to `False`.
        subject: The group of the flag in the help, one of
            `flag_groups.SUBJECTS`. Defaults to `None`: no group.
    """
    make: Any = flags.DEFINE_multi_string if multiple else flags.DEFINE_string
    make(name, None, about, flag_values=values, module_name=subject)
    flags.register_validator(
        name,
        _named,
        message="must name a file or folder; `.` is the current folder",
        flag_values=values,
    )


def _named(given: str | Sequence[str] | None) -> bool:
    paths = [given] if isinstance(given, str) else given or ()
    return all(path.strip() and "\0" not in path for path in paths)
