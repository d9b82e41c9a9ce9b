"""Reads private names, which other packages may change without notice."""

import importlib.metadata
from collections.abc import Mapping
from typing import Any


def read(owner: Any, name: str, package: str, names: Mapping[str, str]) -> Any:
    """Returns an attribute; raises if the package no longer has it.

    Args:
        owner: Object of another package.
        name: Class and attribute, such as `"Optimizer._trainable_variables"`.
        package: Distribution of the class.
        names: Dictionary from each name to the version in which it was seen.

    Raises:
        RuntimeError: If `owner` does not have the attribute.
    """
    try:
        return getattr(owner, name.rpartition(".")[2])
    except AttributeError as error:
        raise RuntimeError(
            f"{gone(name, package, names)} It is missing in {owner!r}."
        ) from error


def gone(name: str, package: str, names: Mapping[str, str]) -> str:
    """Returns the message for a name that a package no longer has.

    Args:
        name: Class and attribute.
        package: Distribution of the class.
        names: Dictionary from each name to the version in which it was seen.
    """
    installed = importlib.metadata.version(package)
    return (
        f"keras_cem needs `{name}` of {package}, which {package} "
        f"{names[name]} has. Received: {package} {installed} without it. "
        f"Install {package}=={names[name]}."
    )
