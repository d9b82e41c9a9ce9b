"""Returns that a run wrote down, read from files that may be a stranger's."""

import json
import math
import pathlib
from collections.abc import Callable
from typing import Any

# Bytes; a run writes at most about 600,000.
_MAX_SIZE = 2**24


def read_stages(path: pathlib.Path) -> list[dict[str, Any]]:
    """Returns stages as `callbacks.ReturnsLogger` wrote them.

    Args:
        path: The file; if it is not there, there are none.

    Raises:
        ValueError: If it is another file.
    """
    return _read(path, lambda content: [*map(_stage, content["stages"])], [])


def read_evaluation(path: pathlib.Path) -> list[float]:
    """Returns the returns of the final evaluation, as results.json has them.

    Args:
        path: The file; if it is not there, there are none.

    Raises:
        ValueError: If it is another file.
    """
    return read_results(path).get("episode_returns", [])


def read_results(path: pathlib.Path) -> dict[str, Any]:
    """Returns what results.json says; of `episode_returns`, what is finite.

    Args:
        path: The file; if it is not there, nothing is said.

    Raises:
        ValueError: If it is another file.
    """

    def parse(content: Any) -> dict[str, Any]:
        # With `on_nonfinite="skip"` there may be others among them.
        numbers = [float(value) for value in content["episode_returns"]]
        finite = [number for number in numbers if math.isfinite(number)]
        return {**content, "episode_returns": finite}

    return _read(path, parse, {})


def _read(path: pathlib.Path, parse: Callable[[Any], Any], missing: Any) -> Any:
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
        KeyError,
        TypeError,
        ValueError,
        OverflowError,
        RecursionError,
    ) as error:
        raise ValueError(
            f"{path} must be a file of `keras-cem train`. Received: "
            f"{type(error).__name__}: {str(error)[:80]}"
        ) from error


def _stage(stage: Any) -> dict[str, Any]:
    threshold = stage["elite_threshold"]
    returns = [_finite(value) for value in stage["returns"]]
    if not returns:
        raise ValueError("a stage without returns")
    return {
        "iteration": int(stage["iteration"]),
        "env_steps": int(stage["env_steps"]),
        "elite_threshold": None if threshold is None else _finite(threshold),
        "returns": returns,
    }


def _finite(value: Any) -> float:
    number = float(value)
    if not math.isfinite(number):
        raise ValueError(f"{value!r}, which is not finite")
    return number
