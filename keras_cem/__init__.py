"""Deep cross-entropy method for Keras 3.

A policy network learns to act by imitating its own best episodes.
"""

import importlib
from typing import Any

import keras

if keras.backend.backend() != "tensorflow":
    raise ImportError(
        "keras_cem needs Keras to run on TensorFlow. Received: "
        f"KERAS_BACKEND={keras.backend.backend()!r}. Set "
        "KERAS_BACKEND=tensorflow before keras is imported."
    )

from keras_cem import (
    activations,
    callbacks,
    envs,
    heads,
    moved,
    networks,
    schedules,
    spaces,
)
from keras_cem.agent.cem_agent import CEMAgent
from keras_cem.engines.trajectories import Trajectories
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

moved.install()


# Imported on demand: some need gymnasium or matplotlib. So they are not in
# `__all__`, which `from keras_cem import *` imports.
_ON_DEMAND = ("elites", "plots", "prng", "recording")


def __dir__() -> list[str]:
    return sorted([*__all__, *_ON_DEMAND])


def __getattr__(name: str) -> Any:
    # Imported on demand, because it imports gymnasium.
    if name == "adapters":
        return importlib.import_module(f"keras_cem.{name}")
    if name in moved.MODULES:
        return importlib.import_module(moved.MODULES[name])
    raise AttributeError(f"module 'keras_cem' has no attribute {name!r}")
