"""Refusing bad arguments of networks.

Each function takes what the caller gave, and what the caller calls it, and
returns it in one form or raises.
"""

import contextlib
import itertools
import math
import numbers
import operator
from collections.abc import Sequence
from typing import Any

import keras

from keras_cem import activations
from keras_cem.saving import size_limits


def as_sizes(argument: str, shape: Any) -> tuple[int, ...]:
    """Returns a shape as ints of at least 1."""
    values = shape if isinstance(shape, Sequence) else (shape,)
    return as_integers(argument, shape, values, "an int or a tuple of ints")


def as_hidden_units(hidden_units: Any) -> tuple[int, ...]:
    """Returns the units of hidden layers as ints of at least 1."""
    values = hidden_units if isinstance(hidden_units, Sequence) else (None,)
    units = as_integers(
        "hidden_units",
        hidden_units,
        values,
        "a tuple of ints, as (128,) for one layer",
    )
    for before, after in itertools.pairwise((1, *units)):
        if before * after > size_limits.MAX_SIZE:
            raise ValueError(
                "`hidden_units` must make layers of at most "
                f"{size_limits.MAX_SIZE:,} weights. "
                f"Received: hidden_units={hidden_units!r}."
            )
    return units


def as_seed(seed: Any) -> int | None:
    """Returns a seed as an int, or None."""
    if seed is None:
        return None
    return as_integers("seed", seed, (seed,), "an int or None", minimum=0)[0]


def as_integers(
    argument: str,
    received: Any,
    values: Sequence[Any],
    kind: str,
    *,
    minimum: int = 1,
) -> tuple[int, ...]:
    """Returns `values` as ints of at least `minimum`."""
    try:
        integers = tuple(operator.index(value) for value in values)
    except TypeError:
        raise TypeError(
            f"`{argument}` must be {kind}. Received: {argument}={received!r} "
            f"of type {type(received).__name__}."
        ) from None
    if any(integer < minimum for integer in integers):
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


def as_initializer(argument: str, initializer: Any) -> Any:
    """Returns a Keras initializer, or a function that is one."""
    found = None
    with contextlib.suppress(TypeError, ValueError):
        found = keras.initializers.get(initializer)
    if found is None:
        raise ValueError(
            f"`{argument}` must be a Keras initializer or the name of one. "
            f"Received: {argument}={initializer!r}."
        )
    return found


def as_trainable(argument: str, activation: Any) -> Any:
    """Returns an activation that gradients pass."""
    function = activations.get(activation, argument=argument)
    step = activations.binary_step
    if function is step or getattr(function, "activation", None) is step:
        raise ValueError(
            f"`{argument}` must let gradients pass. "
            f"Received: {argument}={activation!r}. "
            "The derivative of the binary step is 0, so that no weight before "
            "it would ever be trained. Use 'binary_step_surrogate', which "
            "has the derivative of the logistic function."
        )
    return function


def as_numeric_dtype(input_dtype: Any) -> str:
    """Returns the name of a dtype of numbers or booleans."""
    try:
        dtype = keras.backend.standardize_dtype(input_dtype)
    except (TypeError, ValueError):
        dtype = "string"
    if dtype in ("string", "complex64", "complex128"):
        raise ValueError(
            "`input_dtype` must be a real, integer or boolean dtype. "
            f"Received: input_dtype={input_dtype!r}."
        )
    return dtype
