"""Public modules that moved, under the names they had."""

import importlib
import importlib.abc
import importlib.machinery
import sys
import types
from collections.abc import Sequence

# Nothing of them is imported before it is asked for.
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
    """Returns what a module is called today, None if it did not move."""
    if not name.startswith(_PACKAGE):
        return None
    first, dot, rest = name.removeprefix(_PACKAGE).partition(".")
    return f"{MODULES[first]}{dot}{rest}" if first in MODULES else None


class Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Imports a module that moved, so that both names are one module."""

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None = None,
        target: types.ModuleType | None = None,
    ) -> importlib.machinery.ModuleSpec | None:
        """Takes the names that modules had before."""
        del path, target
        if current_name(fullname) is None:
            return None
        return importlib.machinery.ModuleSpec(fullname, self)

    def exec_module(self, module: types.ModuleType) -> None:
        """Puts the module itself in the place of an empty one."""
        name = current_name(module.__name__)
        if name is None:
            raise ImportError(f"{module.__name__} did not move.")
        sys.modules[module.__name__] = importlib.import_module(name)


def install() -> None:
    """Lets `import` find them; once is enough."""
    if not any(isinstance(finder, Finder) for finder in sys.meta_path):
        # Before the finder of files, which would load them a second time.
        sys.meta_path.insert(0, Finder())
