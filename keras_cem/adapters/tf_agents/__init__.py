"""TF-Agents, both ways: its environments in, policies and environments out.

Importing this package does not import TF-Agents; asking it for one of its
classes does, with `TF_USE_LEGACY_KERAS=1` where that is needed. So take one of
them first, before your own imports of `tf_agents`. `docs/tf_agents.md` says
what works how.
"""

import importlib
from typing import Any

from keras_cem.adapters.tf_agents import loading

_MODULES = {
    "CEMPolicy": "policy",
    "GraphTFEnvironment": "graph_tf_environment",
    "GymnasiumPyEnvironment": "gymnasium_py_environment",
}

__all__ = ["CEMPolicy", "GraphTFEnvironment", "GymnasiumPyEnvironment"]


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    loading.load()
    return getattr(
        importlib.import_module(f"{__name__}.{_MODULES[name]}"), name
    )
