"""Adapters for environments of other packages, imported when needed."""

import importlib
from typing import Any


def __getattr__(name: str) -> Any:
    if name in ("ray", "tf_agents"):
        return importlib.import_module(f"keras_cem.adapters.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
