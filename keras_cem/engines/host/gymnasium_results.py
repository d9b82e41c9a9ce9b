"""Checks of the values that `reset` and `step` of gymnasium return."""

import re
from typing import Any

import numpy as np

_OLD = (
    " Environments for gym before 0.26 return this. Use `gymnasium.make`, or "
    "a subclass of `gymnasium.Env`."
)

# Messages of Python for a function called with wrong arguments.
_NOT_CALLABLE_SO = re.compile(
    r"(reset|step)\(\) (got an unexpected keyword argument|"
    r"got multiple values for|missing \d+ required|"
    r"takes (no|\d+|from \d+ to \d+) )"
)
# Message of `multiprocessing` where an environment in a worker process starts
# a process of its own.
_NO_CHILDREN = "daemonic processes are not allowed to have children"
_SIGNATURES = {
    "reset": "def reset(self, *, seed=None, options=None)",
    "step": "def step(self, action)",
}


class InterfaceError(ValueError):
    """An environment violates the interface of gymnasium."""


def reset_observation(result: object) -> Any:
    """Returns the observation in the result of `reset`.

    Raises:
        InterfaceError: If the result is not (observation, info).
    """
    if isinstance(result, tuple) and len(result) == 2:
        return result[0]
    raise InterfaceError(
        "`reset` must return (observation, info). "
        f"Received: {_described(result)}.{_OLD}"
    )


def bad_step_error(result: object) -> InterfaceError:
    """Returns the error for a `step` that does not return five values."""
    return InterfaceError(
        "`step` must return (observation, reward, terminated, truncated, "
        f"info). Received: {_described(result)}.{_OLD}"
    )


def as_interface_error(call: str, error: Exception) -> Exception:
    """Converts an error that no restart can cure to an `InterfaceError`.

    These are wrong signatures, and processes that an environment in a worker
    process starts. Any other error is returned unchanged.

    Args:
        call: `"reset"` or `"step"`.
        error: The exception that the call raised.
    """
    message = str(error)
    if _NO_CHILDREN in message:
        named = InterfaceError(
            "it must not start processes of its own in a worker process. "
            f"Received: {message}. Play it with vectorization_mode='sync'."
        )
    elif isinstance(error, TypeError) and _NOT_CALLABLE_SO.search(message):
        named = InterfaceError(
            f"it must be defined as `{_SIGNATURES[call]}`. Received: {message}"
        )
    else:
        return error
    named.__cause__ = error
    return named


def number(reward: object) -> Any:
    """Returns a reward as a number.

    Raises:
        InterfaceError: If it is not a single number.
    """
    return _scalar("reward", reward, "biuf", "one number")


def flag(name: str, value: object) -> Any:
    """Returns `terminated` or `truncated`, given as a bool or an integer.

    Args:
        name: `"terminated"` or `"truncated"`.
        value: The value that `step` returned.

    Raises:
        InterfaceError: If the value is of another type.
    """
    return _scalar(name, value, "biu", "True or False")


def reward_row(rewards: object, num_envs: int) -> np.ndarray:
    """Returns the rewards of a vector environment, float32 `(N,)`.

    Args:
        rewards: The value that `step` returned.
        num_envs: N.

    Raises:
        InterfaceError: If it is not one number per sub-environment.
    """
    row = _row("rewards", rewards, num_envs, "biuf", "numbers")
    return row.astype(np.float32)


def flag_row(name: str, values: object, num_envs: int) -> np.ndarray:
    """Returns `terminated` or `truncated` of a vector environment, `(N,)`.

    Args:
        name: `"terminated"` or `"truncated"`.
        values: The value that `step` returned.
        num_envs: N.

    Raises:
        InterfaceError: If it is not one bool per sub-environment. Numbers 0
            and 1 are bools, too.
    """
    array = np.asarray(values)
    if array.dtype.kind == "f" and ((array == 0) | (array == 1)).all():
        array = array.astype(bool)
    return _row(name, array, num_envs, "biu", "True or False").astype(bool)


def _row(
    name: str, values: object, num_envs: int, kinds: str, what: str
) -> np.ndarray:
    array = np.asarray(values)
    if array.shape == (num_envs,) and array.dtype.kind in kinds:
        return array
    raise InterfaceError(
        f"`{name}` of `step` must be {what}, one per sub-environment, of shape "
        f"{(num_envs,)}. Received: shape={array.shape}, dtype={array.dtype}"
    )


def _scalar(name: str, value: object, kinds: str, what: str) -> Any:
    array = np.asarray(value)
    if array.ndim == 0 and array.dtype.kind in kinds:
        return array[()]
    raise InterfaceError(
        f"`{name}` of `step` must be {what}. Received: {name}={value!r} of "
        f"type {type(value).__name__}"
    )


def _described(result: object) -> str:
    if isinstance(result, tuple):
        return f"{len(result)} values"
    return f"{result!r:.60} of type {type(result).__name__}"
