"""Maps of the policy over iterations, for the report of a run."""

import pathlib
from typing import Any

import numpy as np

from keras_cem import spaces
from keras_cem.cli.run import json_files
from keras_cem.cli.run.json_files import count, finite
from keras_cem.pictures import policy_snapshots
from keras_cem.pictures.policy_slice import PolicySlice
from keras_cem.pictures.policy_snapshots import Snapshots

# Number of grid points per axis; arrows need room.
_RESOLUTION = {"regions": 64, "scale": 64, "field": 16}
_LEVELS, _LENGTHS = 255, 100


def make(over: PolicySlice, snapshots: Snapshots) -> dict[str, Any]:
    """Returns the greedy actions at each snapshot, as content for JSON.

    Args:
        over: The slice of the observation space to evaluate the policy on.
        snapshots: Snapshots of the policy in training.

    Returns:
        A dictionary with these keys:

        - `kind`: "regions" for discrete actions, "scale" for a Box with one
          component, "field" for the first two components of a larger Box.
        - `dimensions`, `ranges` and `resolution` of the axes.
        - `low` and `high`: bounds of the actions.
        - `maps`: per snapshot, `iteration`, `env_steps` and `values`. `values`
          are integers, one row per y, from the lowest y up. For "regions" they
          are actions, counted from 0. For "scale" they run from 0 at `low` to
          255 at `high`. For "field" they are pairs, with 100 at `high`.

    Raises:
        ValueError: If the snapshots belong to another policy.
    """
    space = over.agent.action_space
    if isinstance(space, spaces.Discrete):
        kind = "regions"
    else:
        kind = "scale" if space.low.size == 1 else "field"
    grids = []
    for weights in snapshots.weights:
        with policy_snapshots.put(over.agent.policy, weights):
            grids.append(over.actions(_RESOLUTION[kind])[2])
    low, high, values = _numbers(kind, space, np.stack(grids))
    return {
        "kind": kind,
        "dimensions": [int(axis) for axis in over.dimensions],
        "ranges": [[float(end) for end in ends] for ends in over.ranges],
        "resolution": _RESOLUTION[kind],
        "low": float(low),
        "high": float(high),
        "maps": [
            {
                "iteration": int(iteration),
                "env_steps": int(env_steps),
                "values": numbers.ravel().tolist(),
            }
            for iteration, env_steps, numbers in zip(
                snapshots.iterations, snapshots.env_steps, values, strict=True
            )
        ],
    }


def _numbers(
    kind: str, space: Any, grids: np.ndarray
) -> tuple[float, float, np.ndarray]:
    """Returns the bounds of the actions, and the actions as integers."""
    if kind == "regions":
        first = space.start
        return first, first + space.n - 1, grids[..., 0].astype(int) - first
    grids = grids.astype(np.float64)
    if kind == "field":
        grids = grids[..., :2]
        most = float(np.abs(grids).max()) or 1.0
        return -most, most, np.round(grids / most * _LENGTHS).astype(int)
    low, high = float(space.low.min()), float(space.high.max())
    if not np.isfinite([low, high]).all():
        high = float(np.abs(grids).max()) or 1.0
        low = -high
    levels = (grids[..., 0] - low) / (high - low) * _LEVELS
    return low, high, np.clip(np.round(levels), 0, _LEVELS).astype(int)


def read(path: pathlib.Path) -> dict[str, Any] | None:
    """Reads maps that `make` returned; the file may be untrusted.

    Args:
        path: The file.

    Returns:
        The maps, or None if there is no such file.

    Raises:
        ValueError: If the file does not hold such maps.
    """
    return json_files.read(path, _parse, None)


def _parse(content: dict[str, Any]) -> dict[str, Any]:
    kind = content["kind"]
    resolution = int(content["resolution"])
    if resolution != _RESOLUTION[kind]:
        raise ValueError(f"invalid resolution {resolution}")
    x, y = (count(axis) for axis in content["dimensions"])
    ranges = [[finite(low), finite(high)] for low, high in content["ranges"]]
    if len(ranges) != 2 or not all(low < high for low, high in ranges):
        raise ValueError(f"invalid ranges {ranges}")
    size = resolution**2 * (2 if kind == "field" else 1)
    maps = [_map(each, size) for each in content["maps"]]
    if not maps:
        raise ValueError("no map")
    return {
        "kind": kind,
        "dimensions": [x, y],
        "ranges": ranges,
        "resolution": resolution,
        "low": finite(content["low"]),
        "high": finite(content["high"]),
        "maps": maps,
    }


def _map(each: dict[str, Any], size: int) -> dict[str, Any]:
    values = [int(value) for value in each["values"]]
    if len(values) != size:
        raise ValueError(f"a map with {len(values)} values, not {size}")
    return {
        "iteration": count(each["iteration"]),
        "env_steps": count(each["env_steps"]),
        "values": values,
    }
