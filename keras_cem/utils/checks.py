"""Checks of arguments, with uniform error messages."""

import math
import numbers
import os
from collections.abc import Sequence
from typing import Any, TypeGuard


def as_sizes(argument: str, shape: Any) -> tuple[int, ...]:
    """Returns a shape as ints of at least 1."""
    values = shape if isinstance(shape, Sequence) else (shape,)
    return as_integers(argument, shape, values, "an int or a tuple of ints")


def as_hidden_units(hidden_units: Any) -> tuple[int, ...]:
    """Returns the units of hidden layers as ints of at least 1."""
    values = hidden_units if isinstance(hidden_units, Sequence) else (None,)
    return as_integers(
        "hidden_units",
        hidden_units,
        values,
        "a tuple of ints, such as (128,) for one layer",
    )


def as_seed(seed: Any) -> int | None:
    """Returns a seed as an int, or None."""
    if seed is None:
        return None
    return as_integer("seed", seed, "an int or None", minimum=0)


def is_integer(value: object) -> TypeGuard[int]:
    """Whether a value is an integer of Python or NumPy.

    A bool is an int in Python, but a mistake of the caller.
    """
    return isinstance(value, numbers.Integral) and not isinstance(value, bool)


def as_integer(
    argument: str,
    value: Any,
    kind: str = "an integer",
    *,
    minimum: int | None = None,
) -> int:
    """Returns an integer as an int of Python.

    Args:
        argument: The caller's name of the argument, for the message.
        value: The value.
        kind: What the value must be, for the message. Defaults to
            `"an integer"`.
        minimum: Smallest value allowed. Defaults to `None`: no limit.

    Raises:
        TypeError: If `value` is not an integer.
        ValueError: If it is below `minimum`.
    """
    return as_integers(argument, value, (value,), kind, minimum=minimum)[0]


def as_integers(
    argument: str,
    received: Any,
    values: Sequence[Any],
    kind: str,
    *,
    minimum: int | None = 1,
) -> tuple[int, ...]:
    """Returns several integers as ints of Python.

    Args:
        argument: The caller's name of the argument, for the message.
        received: The argument, for the message.
        values: The integers in it.
        kind: What the argument must be, for the message.
        minimum: Smallest value allowed; None sets no limit. Defaults to `1`.

    Raises:
        TypeError: If one of `values` is not an integer.
        ValueError: If one is below `minimum`.
    """
    if not all(map(is_integer, values)):
        raise TypeError(
            f"`{argument}` must be {kind}. Received: {argument}={received!r} "
            f"of type {type(received).__name__}."
        )
    integers = tuple(map(int, values))
    if minimum is not None and min(integers, default=minimum) < minimum:
        raise ValueError(
            f"`{argument}` must be at least {minimum}. "
            f"Received: {argument}={received!r}."
        )
    return integers


def as_number(argument: str, value: Any, upper: float = math.inf) -> float:
    """Returns a number in [0, `upper`)."""
    if not isinstance(value, numbers.Real):
        raise TypeError(
            f"`{argument}` must be a number. Received: {argument}={value!r} "
            f"of type {type(value).__name__}."
        )
    number = float(value)
    if not 0.0 <= number < upper:
        raise ValueError(
            f"`{argument}` must be in [0, {upper}). "
            f"Received: {argument}={value!r}."
        )
    return number


def at_least(least: int, cure: str = "", **arguments: Any) -> None:
    """Refuses values other than None and integers of at least `least`.

    Args:
        least: Smallest value allowed.
        cure: Last sentence of the message. Defaults to `""`.
        **arguments: Values, under the caller's names of the arguments.

    Raises:
        ValueError: Naming the argument and its value.
    """
    for name, value in arguments.items():
        if value is None:
            continue
        if not is_integer(value) or value < least:
            raise ValueError(
                f"`{name}` must be an integer of at least {least}. "
                f"Received: {name}={value!r}.{cure and ' ' + cure}"
            )


def not_none(**arguments: Any) -> None:
    """Refuses None where `at_least` alone would take it for a value left out.

    Raises:
        TypeError: Naming the argument.
    """
    for name, value in arguments.items():
        if value is None:
            raise TypeError(
                f"`{name}` must be a number. Received: {name}=None of type "
                "NoneType"
            )


def number(
    least: float = -math.inf, most: float = math.inf, **arguments: Any
) -> None:
    """Refuses values other than finite numbers in [least, most].

    Args:
        least: Smallest value allowed. Defaults to `-math.inf`.
        most: Largest value allowed. Defaults to `math.inf`.
        **arguments: Values, under the caller's names of the arguments.

    Raises:
        TypeError: If a value is not a number.
        ValueError: If a value is out of range. The message shows argument and
            value.
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
    """Refuses values that are not in `choices`.

    Args:
        choices: The allowed values.
        **arguments: Values, under the caller's names of the arguments.

    Raises:
        ValueError: Naming the argument and its value.
    """
    for name, value in arguments.items():
        if value not in choices:
            raise ValueError(
                f"`{name}` must be one of {choices}. Received: {name}={value!r}"
            )


def path(**arguments: Any) -> None:
    """Refuses values that are not paths, and empty paths.

    pathlib reads an empty path as the current folder, which no caller means.

    Args:
        **arguments: Values, under the caller's names of the arguments; None
            passes.

    Raises:
        TypeError: If a value is not a path.
        ValueError: If a path is empty.
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
                f"`{name}` must not be an empty path. Received: "
                f"{name}={value!r}. The current folder is '.'."
            )


def only_for(where: str, **arguments: Any) -> None:
    """Refuses arguments that would have no effect.

    Args:
        where: The case in which the arguments have an effect.
        **arguments: Values, under the caller's names of the arguments; None
            passes.

    Raises:
        ValueError: Naming the argument and its value.
    """
    for name, value in arguments.items():
        if value is not None:
            raise ValueError(
                f"`{name}` is for {where} only. Received: {name}={value!r}"
            )
