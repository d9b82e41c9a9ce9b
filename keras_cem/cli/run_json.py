"""JSON of a run folder, which may be a stranger's."""

import json
import math
import pathlib
from collections.abc import Callable
from typing import Any

# Bytes; a run writes at most about 2,000,000.
_MAX_SIZE = 2**24


def read(path: pathlib.Path, parse: Callable[[Any], Any], missing: Any) -> Any:
    """Returns what a file holds.

    Args:
        path: The file.
        parse: Takes what the JSON says to what is returned; may raise what
            comes of a content of another shape.
        missing: What to return if there is no file.

    Raises:
        ValueError: If it is too large, no JSON, or not what `parse` takes.
    """
    if not path.exists():
        return missing
    size = path.stat().st_size
    if size > _MAX_SIZE:
        raise ValueError(
            f"{path} must have at most {_MAX_SIZE:,} bytes. Received: {size:,}"
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
            f"{path} must be a file of `keras-cem`. "
            f"Received: {type(error).__name__}: {str(error)[:80]}"
        ) from error


def finite(value: Any) -> float:
    """Returns a finite number, or raises ValueError."""
    number = float(value)
    if not math.isfinite(number):
        raise ValueError(f"{value!r}, which is not finite")
    return number
