"""TF-Agents adapters: trains on its environments, exports policies to it.

In-graph and gymnasium environments can be used in TF-Agents too. Importing this
package does not import TF-Agents. The first access to a class imports it, with
`TF_USE_LEGACY_KERAS=1` if needed. Access a class before your own imports of
`tf_agents`. See `docs/tf_agents.md`.
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
