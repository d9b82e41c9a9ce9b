"""Finds the values that the code of an environment reads.

Tracing builds into a compiled step all values that Python code reads: not only
attributes of the environment, but also attributes of its class, and the
globals, closures and defaults of its functions.
"""

import dis
import functools
import sys
import types
from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

# Packages whose code does not change while a program runs.
_PACKAGES = frozenset(
    {"gymnasium", "keras", "keras_cem", "numpy", "tensorflow", "tf_agents"}
)
_LOAD_NAME = frozenset({"LOAD_GLOBAL", "LOAD_NAME"})
_LOAD_ATTRIBUTE = frozenset({"LOAD_ATTR", "LOAD_METHOD", "LOAD_SUPER_ATTR"})
_CHANGE_ITEM = frozenset({"DELETE_SUBSCR", "STORE_SLICE", "STORE_SUBSCR"})
# Methods that change a list, a dictionary or a set.
_CHANGE = frozenset(
    {
        "add",
        "append",
        "clear",
        "discard",
        "extend",
        "insert",
        "pop",
        "popitem",
        "remove",
        "reverse",
        "setdefault",
        "sort",
        "update",
    }
)
# More functions than an environment has. It bounds the search where an
# environment calls into a large library.
_MOST_FUNCTIONS = 500


class Same:
    """Compares an object by identity.

    It keeps the object alive, so that no later object gets its id.
    """

    def __init__(self, value: Any):
        self.value = value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Same) and self.value is other.value

    def __hash__(self) -> int:
        return id(self.value)


# The name and the value of what is read.
_Read = tuple[str, Any]


class CodeReads:
    """What functions read, besides their arguments.

    The bytecode says which globals, closures and attributes a function reads.
    Attributes are searched for by name, in the class and in the modules and
    classes that the function names. Functions found in this way are searched
    too, but not those of libraries.

    The search does not find what code reads in another way: by `getattr`, by an
    import inside a function, or as an attribute of an attribute.

    Args:
        owner: Class whose attributes the functions may read. Defaults to
            `None`: no class.

    Attributes:
        assigned: Names of the attributes that the functions assign.
    """

    def __init__(self, owner: type | None = None):
        self.assigned: set[str] = set()
        self._assigned_names: set[str] = set()
        # Whether the functions change lists, dictionaries, sets or arrays.
        self._change = False
        mro = () if owner is None else owner.__mro__
        self._classes = [cls for cls in mro if not _is_library(cls)]
        self._functions: set[Same] = set()
        self._asked: set[str] = set()
        self._attributes: list[_Read] = []
        self._names: list[_Read] = []
        self._constants: list[_Read] = []

    def values(self) -> list[tuple[str, Any]]:
        """The names and values that the functions read.

        What the functions assign themselves is left out, such as a count of
        calls: it changes as they are traced. If they change a container, such
        as a log, containers are given by identity.
        """
        containers = (dict, list, set, np.ndarray) if self._change else ()
        return [
            (name, Same(value) if isinstance(value, containers) else value)
            for found, assigned in (
                (self._attributes, self.assigned),
                (self._names, self._assigned_names),
                (self._constants, ()),
            )
            for name, value in found
            if name not in assigned
        ]

    def add_attributes(self, names: Iterable[str]) -> None:
        """Adds attributes of the owner, and what its methods read.

        Args:
            names: Names of methods, properties and other attributes.
        """
        for name in sorted(set(names) - self._asked):
            self._asked.add(name)
            for cls in self._classes:
                if name in vars(cls):
                    self._add(self._attributes, name, vars(cls)[name])

    def add_function(self, function: types.FunctionType) -> None:
        """Adds what a function reads."""
        if (
            Same(function) in self._functions
            or len(self._functions) >= _MOST_FUNCTIONS
            or _is_library(function)
        ):
            return
        self._functions.add(Same(function))
        code, constants = function.__code__, self._constants
        # Code may be replaced, as notebooks do that reload modules.
        constants.append((function.__qualname__, code))
        names = _names(code)
        self.assigned |= names.assigned_attributes
        self._assigned_names |= names.assigned
        self._change |= names.change
        cells = function.__closure__ or ()
        for name, cell in zip(code.co_freevars, cells, strict=True):
            try:
                value = cell.cell_contents
            except ValueError:
                continue  # Nothing was assigned yet.
            self._add(self._names, name, value, names.attributes)
        for value in function.__defaults__ or ():
            self._add(constants, "default", value)
        for name, value in (function.__kwdefaults__ or {}).items():
            self._add(constants, name, value)
        module = function.__globals__
        for name in sorted(names.globals & module.keys()):
            self._add(self._names, name, module[name], names.attributes)
        self.add_attributes(names.attributes)

    def _add(
        self,
        found: list[_Read],
        name: str,
        value: Any,
        attributes: frozenset[str] = frozenset(),
    ) -> None:
        """Adds a value; `attributes` are those that may be read of it."""
        functions = _functions(value)
        if functions or isinstance(value, (types.ModuleType, type)):
            found.append((name, Same(value)))
        else:
            found.append((name, value))
        for function in functions:
            self.add_function(function)
        if isinstance(value, (types.ModuleType, type)) and not _is_library(
            value
        ):
            for part in sorted(attributes & vars(value).keys()):
                inner = vars(value)[part]
                self._add(self._attributes, part, inner)


class _Names(NamedTuple):
    """Names in a function's code, and in that of functions inside it."""

    globals: frozenset[str]
    attributes: frozenset[str]
    assigned: frozenset[str]
    assigned_attributes: frozenset[str]
    # Whether the code changes items of containers.
    change: bool


@functools.lru_cache(maxsize=4096)
def _names(code: types.CodeType) -> _Names:
    kinds: tuple[set[str], ...] = (set(), set(), set(), set())
    loaded, attributes, assigned, assigned_attributes = kinds
    change = False
    for each in dis.get_instructions(code):
        if each.opname in _LOAD_NAME:
            loaded.add(each.argval)
        elif each.opname in _LOAD_ATTRIBUTE:
            attributes.add(each.argval)
        elif each.opname in _CHANGE_ITEM:
            change = True
        elif each.opname == "STORE_ATTR":
            assigned_attributes.add(each.argval)
        elif each.opname == "STORE_GLOBAL" or (
            each.opname == "STORE_DEREF" and each.argval in code.co_freevars
        ):
            assigned.add(each.argval)
    for inner in code.co_consts:
        if isinstance(inner, types.CodeType):
            *more, inner_changes = _names(inner)
            change |= inner_changes
            for kind, names in zip(kinds, more, strict=True):
                kind |= names
    change |= not _CHANGE.isdisjoint(attributes)
    return _Names(
        frozenset(loaded),
        frozenset(attributes),
        frozenset(assigned),
        frozenset(assigned_attributes),
        change,
    )


def _functions(value: Any) -> list[types.FunctionType]:
    """Returns the functions in a method, a property, a partial or the like."""
    parts: tuple[Any, ...] = (value,)
    if isinstance(value, property):
        parts = (value.fget, value.fset)
    elif isinstance(value, (functools.cached_property, functools.partial)):
        parts = (value.func,)
    elif isinstance(value, (staticmethod, classmethod, types.MethodType)):
        parts = (value.__func__,)
    elif isinstance(value, tf.types.experimental.PolymorphicFunction):
        parts = (value.python_function,)
    return [part for part in parts if isinstance(part, types.FunctionType)]


def _is_library(value: Any) -> bool:
    """Whether a class, module or function belongs to a library."""
    module = getattr(value, "__module__", None)
    if isinstance(value, types.ModuleType):
        module = value.__name__
    package = str(module).partition(".")[0]
    return package in _PACKAGES or package in sys.stdlib_module_names
