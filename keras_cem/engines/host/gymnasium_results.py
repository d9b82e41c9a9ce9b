"""What `reset` and `step` of an environment return, in gymnasium's words."""

import re
from typing import Any

import numpy as np

_OLD = (
    " Environments of gym before 0.26 do: `gymnasium.make` and a subclass of "
    "`gymnasium.Env` do not."
)

# What Python says where a function does not take the arguments that it gets.
_NOT_CALLABLE_SO = re.compile(
    r"(reset|step)\(\) (got an unexpected keyword argument|"
    r"got multiple values for|missing \d+ required|"
    r"takes (no|\d+|from \d+ to \d+) )"
)
_SIGNATURES = {
    "reset": "def reset(self, *, seed=None, options=None)",
    "step": "def step(self, action)",
}


class InterfaceError(ValueError):
    """An environment does not return what its interface promises."""


def begun(result: Any) -> Any:
    """Returns the observation of what `reset` returned.

    Raises:
        InterfaceError: If that is not an observation with an `info`.
    """
    if isinstance(result, tuple) and len(result) == 2:
        return result[0]
    raise InterfaceError(
        "`reset` must return (observation, info). "
        f"Received: {_described(result)}.{_OLD}"
    )


def no_step(result: Any) -> InterfaceError:
    """Returns the error of what `step` returned, which has not five parts."""
    return InterfaceError(
        "`step` must return (observation, reward, terminated, truncated, "
        f"info). Received: {_described(result)}.{_OLD}"
    )


def as_interface_error(call: str, error: Exception) -> Exception:
    """Returns an InterfaceError for a method that takes other arguments.

    No repetition heals that. Any other error is returned as it is.

    Args:
        call: `"reset"` or `"step"`.
        error: What the call raised.
    """
    if not isinstance(error, TypeError) or not _NOT_CALLABLE_SO.search(
        str(error)
    ):
        return error
    named = InterfaceError(
        f"it must be defined as `{_SIGNATURES[call]}`. Received: {error}"
    )
    named.__cause__ = error
    return named


def number(reward: Any) -> Any:
    """Returns a reward as a number.

    Raises:
        InterfaceError: If it is none, or several.
    """
    return _scalar("reward", reward, "biuf", "one number")


def flag(name: str, value: Any) -> Any:
    """Returns `terminated` or `truncated`; whole numbers count as in Python.

    Args:
        name: Which of them.
        value: What `step` returned.

    Raises:
        InterfaceError: If it is something else.
    """
    return _scalar(name, value, "biu", "True or False")


def _scalar(name: str, value: Any, kinds: str, what: str) -> Any:
    array = np.asarray(value)
    if array.ndim == 0 and array.dtype.kind in kinds:
        return array[()]
    raise InterfaceError(
        f"`{name}` of `step` must be {what}. Received: {name}={value!r} of "
        f"type {type(value).__name__}"
    )


def _described(result: Any) -> str:
    if isinstance(result, tuple):
        return f"{len(result)} values"
    return f"{result!r:.60} of type {type(result).__name__}"
