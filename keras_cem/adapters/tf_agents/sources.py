"""Recognizes environments of TF-Agents without importing it."""

import importlib
import sys
from typing import Any

from keras_cem.engines.graph.source import GraphSource
from keras_cem.engines.host.source import HostSource
from keras_cem.engines.playing import Options

_PACKAGE = "tf_agents.environments"


def accepts(env: Any, options: Options) -> bool:
    """Whether this module takes `env`."""
    del options
    return is_environment(env)


def is_environment(env: Any) -> bool:
    """Whether `env` is an environment of TF-Agents."""
    return _is(env, "tf_environment", "TFEnvironment") or _is(
        env, "py_environment", "PyEnvironment"
    )


def open_source(env: Any, options: Options) -> GraphSource | HostSource:
    """Returns an environment of TF-Agents, ready to be played."""
    # Import late: the module needs TF-Agents, and this one must not.
    environments = importlib.import_module(
        "keras_cem.adapters.tf_agents.environments"
    )
    if _is(env, "tf_environment", "TFEnvironment"):
        return environments.open_tf(env, options)
    return environments.open_py(env, options)


def for_film(env: Any) -> Any:
    """Returns an environment of TF-Agents as one that can be filmed.

    Raises:
        ValueError: If it is batched or in-graph.
    """
    return importlib.import_module(
        "keras_cem.adapters.tf_agents.py_environments"
    ).for_film(env)


def _is(env: Any, module: str, name: str) -> bool:
    # If there is such an environment, its module is already imported.
    imported = sys.modules.get(f"{_PACKAGE}.{module}")
    return imported is not None and isinstance(env, getattr(imported, name))
