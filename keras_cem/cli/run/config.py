"""The settings of a run, read from a config.json that may be untrusted."""

import json
from typing import Any

from absl import flags

from keras_cem.cli.flags import old_settings, train_flags
from keras_cem.cli.run import json_files

# Bytes; a run writes about 2,000.
_MAX_SIZE = 2**20
# Checks of entries other than `flags`.
_OTHERS = {
    "stop_at": json_files.finite,
    "seed": json_files.count,
    "epsilon_steps": json_files.count,
}


def parse(content: bytes) -> dict[str, Any]:
    """Parses config.json and checks its flags as the command line does.

    Flags of earlier versions get their names in this version. Flags unknown to
    `keras-cem train` are left unchecked, because nothing reads them.

    Args:
        content: Content of the file.

    Raises:
        ValueError: If `content` is not JSON, is too large or too deeply nested,
            or if a flag of `keras-cem train` has an invalid value.
    """
    check_size(len(content))
    try:
        config = json.loads(content, parse_constant=_refuse_constant)
    except RecursionError as error:
        raise ValueError("config.json is nested too deeply.") from error
    except ValueError as error:
        raise ValueError(
            f"config.json must hold JSON. Received: {str(error)[:200]}"
        ) from error
    recorded = config.get("flags") if isinstance(config, dict) else None
    if not isinstance(recorded, dict) or not isinstance(
        recorded.get("env"), str
    ):
        raise ValueError(
            "config.json must have an object `flags` with a string `env`. "
            f"Received: {str(config)[:80]}"
        )
    recorded = old_settings.translated(recorded)
    for name, check in _OTHERS.items():
        try:
            if config.get(name) is not None:
                check(config[name])
        except (TypeError, ValueError) as error:
            raise ValueError(
                f"`{name}` in config.json must be a number or null. "
                f"Received: {name}={json_files.shown(config[name])}"
            ) from error
    known = flags.FlagValues()
    train_flags.define_flags(known)
    for name in known.flag_values_dict().keys() & recorded.keys():
        _check(known[name], recorded[name])
    return {**config, "flags": recorded}


def check_size(size: int) -> None:
    """Refuses a file that is too large, before reading it."""
    if size > _MAX_SIZE:
        raise ValueError(
            f"config.json must have at most {_MAX_SIZE:,} bytes. Received: "
            f"{size:,} bytes"
        )


def _check(flag: flags.Flag, value: Any) -> None:
    if value is None and flag.default is None:
        return
    try:
        # JSON has no `Infinity`, but `1e999` also parses as infinity.
        if isinstance(value, float):
            int(value)
        if isinstance(flag, flags.MultiFlag) and not isinstance(value, list):
            raise TypeError("a value that is not a list")
        for item in value if isinstance(flag, flags.MultiFlag) else [value]:
            flag.parser.parse(item)
    except (ArithmeticError, TypeError, ValueError) as error:
        raise ValueError(
            f"`{flag.name}` in config.json must be a valid value of "
            f"--{flag.name}. Received: {flag.name}={str(value)[:80]!r}. "
            f"{str(error)[:120]}"
        ) from error


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name}, which is not a JSON number")
