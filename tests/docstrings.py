"""What docstrings say, next to what the code does."""

import importlib
import inspect
import re

import pytest

# Checked where TF-Agents is installed, by tests_tf_agents.
NEED_TF_AGENTS = [
    f"keras_cem.adapters.tf_agents.{name}"
    for name in (
        "environments",
        "graph_tf_environment",
        "gymnasium_py_environment",
        "policy",
        "py_environments",
        "specs",
        "tf_environments",
    )
]


def defaults(modules):
    """Yields what each docstring says is a default, and the default."""
    for name in modules:
        module = importlib.import_module(name)
        for owner in vars(module).values():
            if getattr(owner, "__module__", None) != name:
                continue
            functions = [owner] if inspect.isfunction(owner) else []
            if inspect.isclass(owner):
                functions = [
                    value
                    for value in vars(owner).values()
                    if inspect.isfunction(value)
                ]
            for function in functions:
                documented = function
                if function.__name__ == "__init__":
                    documented = owner
                yield from documented_defaults(documented, function)


def documented_defaults(documented, function):
    text = " ".join((documented.__doc__ or "").split())
    parameters = inspect.signature(function).parameters
    for name, parameter in parameters.items():
        said = re.search(
            rf" {name}: (?:(?! \w+: ).)*?Defaults to `([^`]*)`", text
        )
        if said and parameter.default is not parameter.empty:
            where = f"{function.__module__}.{function.__qualname__}:{name}"
            yield pytest.param(said[1], parameter.default, id=where)
