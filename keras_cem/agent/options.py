"""Checks of the method's options: their values and their combinations."""

import inspect
from typing import Any

from keras_cem.algorithm import elites
from keras_cem.algorithm import gradient_steps as improvement
from keras_cem.utils import checks


def check(
    *,
    elite_quantile: float,
    ties: str,
    loss_normalization: str,
    gradient_steps: int,
    minibatch_size: int | None,
    discount: float,
    elite_memory: int | None,
    elite_memory_age: int | None,
    episodes_per_start: int | None,
    episodes_per_policy: int | None,
    normalize_observations: bool,
) -> None:
    """Refuses invalid options of `CEMAgent`.

    Raises:
        ValueError: If a value is out of range, or two options contradict each
            other.
        TypeError: If a value is of the wrong type.
    """
    _plain_number(elite_quantile=elite_quantile)
    if not 0 < elite_quantile < 1:
        raise ValueError(
            "`elite_quantile` must be in (0, 1). "
            f"Received: elite_quantile={elite_quantile}"
        )
    checks.one_of(elites.TIES, ties=ties)
    checks.one_of(
        improvement.NORMALIZATIONS, loss_normalization=loss_normalization
    )
    checks.at_least(
        1,
        gradient_steps=gradient_steps,
        minibatch_size=minibatch_size,
        elite_memory=elite_memory,
        elite_memory_age=elite_memory_age,
        episodes_per_policy=episodes_per_policy,
    )
    # The check above accepts None, which is no valid number of steps.
    checks.number(gradient_steps=gradient_steps)
    checks.at_least(
        2,
        "A single trajectory cannot exceed its own quantile.",
        episodes_per_start=episodes_per_start,
    )
    _plain_number(discount=discount)
    if not 0 < discount <= 1:
        raise ValueError(
            f"`discount` must be in (0, 1]. Received: discount={discount}"
        )
    if not isinstance(normalize_observations, bool):
        raise TypeError(
            "`normalize_observations` must be a bool. Received: "
            f"normalize_observations={normalize_observations!r}"
        )
    if elite_memory is None and elite_memory_age is not None:
        raise ValueError(
            "`elite_memory_age` is for an `elite_memory` only. Received: "
            f"elite_memory_age={elite_memory_age}, elite_memory=None. Give "
            "`elite_memory`, how many trajectories are remembered."
        )
    exclusive(
        "trajectories are compared either with those of the same start, or by "
        "the mean over several starts",
        episodes_per_start=episodes_per_start,
        episodes_per_policy=episodes_per_policy,
    )
    for name, value in (
        ("episodes_per_start", episodes_per_start),
        ("episodes_per_policy", episodes_per_policy),
    ):
        exclusive(
            "what is remembered would have to be ranked with the group it was "
            "played in, which is gone",
            **{name: value, "elite_memory": elite_memory},
        )


def _plain_number(**arguments: Any) -> None:
    """Refuses values that are not finite numbers.

    Versions up to 0.1 took schedules and saved them as dictionaries.

    Raises:
        TypeError: If a value is a schedule or otherwise not a number.
        ValueError: If a number is not finite.
    """
    for name, value in arguments.items():
        if callable(value) or isinstance(value, dict):
            raise TypeError(
                f"`{name}` must be a number. Received: {name}={value!r} of "
                f"type {type(value).__name__}. Give a number. Only epsilon "
                "follows a schedule, see `callbacks.EpsilonDecay`."
            )
    checks.number(**arguments)


# Options that are fixed once the agent is made: its steps compile them in.
FIXED = frozenset(inspect.signature(check).parameters) | {
    "on_nonfinite",
    "seed",
}


def refuse_change(agent: Any, name: str, value: Any) -> None:
    """Refuses to change an option that compiled steps would ignore.

    Args:
        agent: The agent.
        name: Name of the attribute.
        value: The new value.

    Raises:
        AttributeError: If `name` is in `FIXED`.
    """
    if name in FIXED:
        raise AttributeError(
            f"`{name}` must stay what the agent was made with, "
            f"{getattr(agent, name)!r}, for it is compiled into its steps. "
            f"Received: {name}={value!r}. Make another agent: "
            "`CEMAgent.from_config({**agent.get_config(), "
            f"{name!r}: {value!r}}})`, and `set_weights` of this one's. Its "
            "counters begin at 0."
        )


def exclusive(reason: str, **arguments: Any) -> None:
    """Refuses two options that exclude each other.

    Args:
        reason: Why they exclude each other.
        **arguments: The two values by argument name. None means not given.

    Raises:
        ValueError: If both are given. The message names both and their values.
    """
    if any(value is None for value in arguments.values()):
        return
    first, second = arguments
    received = ", ".join(f"{name}={arguments[name]!r}" for name in arguments)
    raise ValueError(
        f"`{second}` must be None where `{first}` is given: {reason}. "
        f"Received: {received}"
    )
