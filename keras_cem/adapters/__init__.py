"""Adapters for environments of other packages, imported when needed."""

import importlib
from typing import Any


def __getattr__(name: str) -> Any:
    if name == "tf_agents":
        return importlib.import_module("keras_cem.adapters.tf_agents")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
