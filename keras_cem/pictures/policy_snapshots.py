"""Snapshots of a policy at several iterations, in one file."""

import contextlib
import dataclasses
import pathlib
import zipfile
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np

from keras_cem.utils import files

# Largest size in bytes of all snapshots in a file that is read.
_MAX_SIZE = 2**28
_ARRAYS = {"iterations": 1, "env_steps": 1, "weights": 2}


@dataclasses.dataclass
class Snapshots:
    """A policy at S iterations.

    Attributes:
        iterations: int64 `(S,)`, counted from 1.
        env_steps: int64 `(S,)`, number of environment steps done by then.
        weights: float32 `(S, W)`, one row from `take` per iteration.
    """

    iterations: np.ndarray
    env_steps: np.ndarray
    weights: np.ndarray


def take(policy: keras.Layer) -> np.ndarray:
    """Returns the weights of a policy, float32 `(W,)`.

    They include the statistics of observations and of batch normalization, but
    not the state of random generators.
    """
    parts = [np.ravel(np.asarray(weight)) for weight in _floats(policy)]
    return np.concatenate([np.zeros(0), *parts]).astype(np.float32)


@contextlib.contextmanager
def put(policy: keras.Layer, weights: np.ndarray) -> Iterator[None]:
    """Gives a policy the weights of a snapshot while the context lasts.

    Args:
        policy: The policy.
        weights: Weights from `take`, of this policy or one of the same
            architecture.

    Raises:
        ValueError: If the policy has another number of weights.
    """
    variables = _floats(policy)
    now = [np.asarray(variable) for variable in variables]
    ends = np.cumsum([array.size for array in now], dtype=int)
    size = int(ends[-1]) if len(ends) else 0
    if weights.shape != (size,):
        raise ValueError(
            f"`weights` must have shape ({size},), one number per weight of "
            f"the policy. Received: weights of shape {weights.shape}"
        )
    try:
        for variable, array, end in zip(variables, now, ends, strict=True):
            part = weights[end - array.size : end]
            variable.assign(part.reshape(array.shape).astype(array.dtype))
        yield
    finally:
        for variable, array in zip(variables, now, strict=True):
            variable.assign(array)


def write(path: pathlib.Path, snapshots: Snapshots) -> None:
    """Writes snapshots to a file. The file is complete or absent."""
    with files.replacing(path) as partial, open(partial, "wb") as file:
        np.savez(file, allow_pickle=False, **vars(snapshots))


def read(path: pathlib.Path) -> Snapshots:
    """Returns the snapshots in a file, which may be untrusted.

    Raises:
        ValueError: If the file holds no snapshots, or is too large.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            size = sum(member.file_size for member in archive.infolist())
        if size > _MAX_SIZE:
            raise ValueError(f"{size:,} bytes, which is too large")
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in _ARRAYS}
        for name, array in arrays.items():
            if (
                array.ndim != _ARRAYS[name]
                or len(array) != len(arrays["weights"])
                or array.dtype.kind not in "if"
                or not np.isfinite(array).all()
            ):
                raise ValueError(
                    f"{name} of shape {array.shape} and dtype {array.dtype}"
                )
    except (
        EOFError,
        KeyError,
        # The file declares a size larger than its content.
        MemoryError,
        ValueError,
        zipfile.BadZipFile,
    ) as error:
        raise ValueError(
            f"{path} must be a file written by `PolicyLogger`. Received: "
            f"{type(error).__name__}: {str(error)[:80]}"
        ) from error
    return Snapshots(**arrays)


def _floats(policy: keras.Layer) -> list[Any]:
    return [
        weight
        for weight in policy.weights
        if keras.backend.is_float_dtype(weight.dtype)
    ]
