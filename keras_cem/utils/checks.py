"""Refusing bad arguments, in one form of words."""

import math
import numbers
import os
from typing import Any

import numpy as np


def at_least(least: int, cure: str = "", **arguments: Any) -> None:
    """Refuses what is neither None nor an integer of at least `least`.

    Args:
        least: The smallest value allowed.
        cure: Sentence to end the message with. Defaults to `""`.
        **arguments: Values by the caller's name for them.

    Raises:
        ValueError: Naming the argument and its value.
    """
    for name, value in arguments.items():
        if value is None:
            continue
        # A bool is an int to Python, and a slip to whoever wrote it.
        is_integer = isinstance(value, (int, np.integer))
        if not is_integer or isinstance(value, bool) or value < least:
            raise ValueError(
                f"`{name}` must be an integer of at least {least}. "
                f"Received: {name}={value!r}.{cure and ' ' + cure}"
            )


def number(
    least: float = -math.inf, most: float = math.inf, **arguments: Any
) -> None:
    """Refuses what is not a finite number in [least, most].

    Args:
        least: The smallest value allowed. Defaults to `-math.inf`.
        most: The largest. Defaults to `math.inf`.
        **arguments: Values by the caller's name for them.

    Raises:
        TypeError: If it is no number.
        ValueError: If it is out of range, naming the argument and its value.
    """
    for name, value in arguments.items():
        if not isinstance(value, numbers.Real) or isinstance(value, bool):
            raise TypeError(
                f"`{name}` must be a number. Received: {name}={value!r} of "
                f"type {type(value).__name__}"
            )
        if math.isfinite(value) and least <= float(value) <= most:
            continue
        bounds = "finite"
        if math.isfinite(least):
            bounds = f"at least {least} and finite"
        if math.isfinite(most):
            bounds = f"in [{least}, {most}]"
        raise ValueError(f"`{name}` must be {bounds}. Received: {name}={value}")


def one_of(choices: tuple[Any, ...], **arguments: Any) -> None:
    """Refuses what is not among `choices`.

    Args:
        choices: The values allowed.
        **arguments: Values by the caller's name for them.

    Raises:
        ValueError: Naming the argument and its value.
    """
    for name, value in arguments.items():
        if value not in choices:
            raise ValueError(
                f"`{name}` must be one of {choices}. Received: {name}={value!r}"
            )


def path(**arguments: Any) -> None:
    """Refuses what is no path, and an empty one.

    An empty path is the current folder to pathlib, which nobody means.

    Args:
        **arguments: Values by the caller's name for them; None passes.

    Raises:
        TypeError: If it is no path.
        ValueError: If it is empty.
    """
    for name, value in arguments.items():
        if value is None:
            continue
        if not isinstance(value, str | os.PathLike):
            raise TypeError(
                f"`{name}` must be a path. Received: {name}={value!r} of type "
                f"{type(value).__name__}"
            )
        if not os.fspath(value):
            raise ValueError(
                f"`{name}` must be a path that is not empty. Received: "
                f"{name}={value!r}. The current folder is '.'."
            )


def only_for(where: str, **arguments: Any) -> None:
    """Refuses arguments that mean nothing here, rather than ignore them.

    Args:
        where: What they would be for.
        **arguments: Values by the caller's name for them; None passes.

    Raises:
        ValueError: Naming the argument and its value.
    """
    for name, value in arguments.items():
        if value is not None:
            raise ValueError(
                f"`{name}` is for {where} only. Received: {name}={value!r}"
            )
