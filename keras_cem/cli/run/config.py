"""The settings of a run, read from a file that may be a stranger's."""

import json
from typing import Any

from absl import flags

from keras_cem.cli.flags import old_settings, train_flags
from keras_cem.cli.run import json_files

# Bytes; a run writes about 2,000.
_MAX_SIZE = 2**20
# What is there besides flags and names.
_OTHERS = {
    "stop_at": json_files.finite,
    "seed": json_files.count,
    "epsilon_steps": json_files.count,
}


def parse(content: bytes) -> dict[str, Any]:
    """Returns what config.json says, each flag as the command line allows it.

    Flags of earlier versions are there under the names of this version.
    Flags that `keras-cem train` does not have are left as they are; nobody
    reads them.

    Args:
        content: What is in the file.

    Raises:
        ValueError: If it is not JSON, too large or too deeply nested, or if a
            flag of `keras-cem train` has a value that it could not have.
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
            "config.json must have `flags`, with a string as `env`. "
            f"Received: {str(config)[:80]}"
        )
    recorded = old_settings.translated(recorded)
    for name, check in _OTHERS.items():
        try:
            if config.get(name) is not None:
                check(config[name])
        except (TypeError, ValueError) as error:
            raise ValueError(
                f"config.json must have a number or null as `{name}`. "
                f"Received: {name}={json_files.shown(config[name])}"
            ) from error
    known = flags.FlagValues()
    train_flags.define_flags(known)
    for name in known.flag_values_dict().keys() & recorded.keys():
        _check(known[name], recorded[name])
    return {**config, "flags": recorded}


def check_size(size: int) -> None:
    """Refuses a file of too many bytes, before it is read."""
    if size > _MAX_SIZE:
        raise ValueError(
            f"config.json must have at most {_MAX_SIZE:,} bytes. "
            f"Received: {size:,}"
        )


def _check(flag: flags.Flag, value: Any) -> None:
    if value is None and flag.default is None:
        return
    try:
        # Infinity and its like are no JSON, yet `1e999` is.
        if isinstance(value, float):
            int(value)
        flag.parser.parse(value)
    except (ArithmeticError, TypeError, ValueError) as error:
        raise ValueError(
            f"config.json must have a value for `{flag.name}` that "
            f"--{flag.name} can have. Received: {flag.name}="
            f"{str(value)[:80]!r}. {str(error)[:120]}"
        ) from error


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name}, which is no number of JSON")
