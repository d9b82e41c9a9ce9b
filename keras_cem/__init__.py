"""Deep cross-entropy method for Keras 3.

A policy network learns to act by imitating its own best episodes.
"""

import importlib
import sys
from typing import Any

from keras_cem import moved
from keras_cem.version import __version__

__all__ = [
    "CEMAgent",
    "Trajectories",
    "__version__",
    "activations",
    "adapters",
    "callbacks",
    "envs",
    "heads",
    "networks",
    "schedules",
    "spaces",
]

_CLASSES = {
    "CEMAgent": "keras_cem.agent.cem_agent",
    "Trajectories": "keras_cem.engines.trajectories",
}


def _is_command_line() -> bool:
    """Whether this process runs `keras-cem`.

    It imports the package in parts, because help and errors need no TensorFlow.
    """
    programs = ("keras-cem", "keras-cem.exe")
    return sys.argv[0].endswith(programs) or (
        "keras_cem.cli.main" in sys.orig_argv
    )


def _check_backend() -> None:
    import keras

    if keras.backend.backend() != "tensorflow":
        raise ImportError(
            "keras_cem needs Keras to run on TensorFlow. Received: "
            f"KERAS_BACKEND={keras.backend.backend()!r}. Set "
            "KERAS_BACKEND=tensorflow before keras is imported."
        )


if not _is_command_line():
    _check_backend()
    # All of it, so that `keras.saving.load_model` knows the classes.
    from keras_cem import (
        activations,
        callbacks,
        envs,
        heads,
        networks,
        schedules,
        spaces,
    )
    from keras_cem.agent.cem_agent import CEMAgent
    from keras_cem.engines.trajectories import Trajectories

moved.install()


# Imported on demand: some need gymnasium or matplotlib. So they are not in
# `__all__`, which `from keras_cem import *` imports.
_ON_DEMAND = ("elites", "plots", "prng", "recording")


def __dir__() -> list[str]:
    return sorted([*__all__, *_ON_DEMAND])


def __getattr__(name: str) -> Any:
    if name in moved.MODULES:
        return importlib.import_module(moved.MODULES[name])
    # `adapters` imports gymnasium. The others are here in the command line.
    if name in _CLASSES:
        _check_backend()
        return getattr(importlib.import_module(_CLASSES[name]), name)
    if name in __all__:
        return importlib.import_module(f"keras_cem.{name}")
    raise AttributeError(f"module 'keras_cem' has no attribute {name!r}")
