"""Reading JSON files of a run folder that may be untrusted."""

import json
import math
import pathlib
from collections.abc import Callable
from typing import Any

from keras_cem.saving.size_limits import MAX_NUMBER

# Bytes; a run writes at most about 2,000,000.
_MAX_SIZE = 2**24


def read(path: pathlib.Path, parse: Callable[[Any], Any], missing: Any) -> Any:
    """Reads and parses a JSON file.

    Args:
        path: The file.
        parse: Converts the JSON content to the result. It may raise the usual
            exceptions for content of another structure.
        missing: Result if there is no file.

    Raises:
        ValueError: If the file is too large, is not JSON, or `parse` fails.
    """
    if not path.exists():
        return missing
    if not path.is_file():
        raise ValueError(
            f"{path} must be a file. Received: a folder, a pipe or a device"
        )
    size = path.stat().st_size
    if size > _MAX_SIZE:
        raise ValueError(
            f"{path} must have at most {_MAX_SIZE:,} bytes. Received: "
            f"{size:,} bytes"
        )
    try:
        return parse(json.loads(path.read_bytes()))
    except (
        AttributeError,
        KeyError,
        TypeError,
        ValueError,
        OverflowError,
        RecursionError,
    ) as error:
        raise ValueError(
            f"{path} must be a file written by `keras-cem`. Received: "
            f"{type(error).__name__}: {str(error)[:120]}"
        ) from error


def finite(value: Any) -> float:
    """Returns the value as a finite float; raises ValueError for others."""
    if isinstance(value, str | bool):
        raise ValueError(f"{value!r}, which is not a number")
    # A JSON integer may be too large for `float`.
    if abs(value) > MAX_NUMBER or not math.isfinite(value):
        raise ValueError(
            f"{shown(value)}, which is not finite or exceeds "
            f"{MAX_NUMBER:.2e} in size"
        )
    return float(value)


def count(value: Any) -> int:
    """Returns a number of iterations or steps, or raises ValueError."""
    number = int(finite(value))
    if not 0 <= number < 2**63:
        raise ValueError(
            f"{shown(value)}, which is not an integer from 0 to 2**63 - 1"
        )
    return number


def shown(value: Any) -> str:
    """Returns the `repr` of a value for error messages; long ones are cut."""
    text = repr(value)
    return (
        text if len(text) <= 80 else f"{text[:60]}... ({len(text)} characters)"
    )
