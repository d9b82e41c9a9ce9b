"""Public modules that moved, importable by their old names."""

import importlib
import importlib.abc
import importlib.machinery
import sys
import types
from collections.abc import Sequence

# New name of each old name. A module is imported on first use only.
MODULES = {
    "elites": "keras_cem.algorithm.elites",
    "limits": "keras_cem.saving.size_limits",
    "memory": "keras_cem.algorithm.elite_memory",
    "plots": "keras_cem.pictures.plots",
    "presets": "keras_cem.cli.presets",
    "recording": "keras_cem.pictures.film_episodes",
    "trajectories": "keras_cem.engines.trajectories",
}
_PACKAGE = "keras_cem."


def current_name(name: str) -> str | None:
    """Returns the current name of a module, or None if it did not move."""
    if not name.startswith(_PACKAGE):
        return None
    first, dot, rest = name.removeprefix(_PACKAGE).partition(".")
    return f"{MODULES[first]}{dot}{rest}" if first in MODULES else None


class Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Imports a moved module, so that both names give the same module."""

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None = None,
        target: types.ModuleType | None = None,
    ) -> importlib.machinery.ModuleSpec | None:
        """Returns a spec for the old name of a moved module, else None."""
        del path, target
        if current_name(fullname) is None:
            return None
        return importlib.machinery.ModuleSpec(fullname, self)

    def exec_module(self, module: types.ModuleType) -> None:
        """Replaces the empty module of the old name by the moved module."""
        name = current_name(module.__name__)
        if name is None:
            raise ImportError(f"{module.__name__} did not move.")
        sys.modules[module.__name__] = importlib.import_module(name)


def install() -> None:
    """Registers the finder for old names, if it is not registered yet."""
    if not any(isinstance(finder, Finder) for finder in sys.meta_path):
        # Before the file finder, which would load the modules a second time.
        sys.meta_path.insert(0, Finder())
