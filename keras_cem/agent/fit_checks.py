"""Checks before `fit` and `evaluate`: of the arguments and of the agent."""

import functools
from collections.abc import Callable
from typing import Any, TypeVar

import keras
import tensorflow as tf

from keras_cem.agent import critics, keras_hooks
from keras_cem.engines import sources
from keras_cem.utils import checks, nonfinite

Kind = TypeVar("Kind", bound=type)


def check_compile(steps_per_execution: int, jit_compile: object) -> None:
    """Refuses arguments of `compile` that are out of range.

    Raises:
        ValueError: If there is one.
    """
    checks.one_of(("auto", True, False, None), jit_compile=jit_compile)
    if steps_per_execution is None:
        checks.number(steps_per_execution=steps_per_execution)
    checks.at_least(1, steps_per_execution=steps_per_execution)


def check_ready(agent: keras.Model, verb: str) -> None:
    """Refuses an agent that is not compiled or has an unsuitable loss.

    Args:
        agent: A `CEMAgent`.
        verb: Name of the called method, for the message.

    Raises:
        ValueError: If the agent is not compiled.
    """
    if not agent.compiled:
        raise ValueError(
            f"`{verb}` needs `compile` first. Received: an agent that is "
            "not compiled. Call `agent.compile(optimizer=...)`."
        )
    # Refuse a loss that does not apply to the action space.
    agent.training_head.check_loss()
    keras_hooks.check(agent, verb)


def check_can_learn(agent: keras.Model) -> None:
    """Refuses to `fit` without an optimizer or without trainable weights.

    Raises:
        ValueError: If either is missing.
    """
    if agent.optimizer is None:
        raise ValueError(
            "`optimizer` of `compile` must be given for `fit`. "
            "Received: optimizer=None."
        )
    if not agent.trainable_variables:
        raise ValueError(
            "`policy` must have trainable weights for `fit`. Received: "
            f"policy={agent.policy.name!r}, which has none. Set `trainable` "
            "of its layers, or only play it with `evaluate` or `collect`."
        )


def check_finite(agent: keras.Model) -> None:
    """Refuses weights that are not finite.

    Raises:
        ValueError: If a weight or an optimizer variable is not finite.
    """
    learned = [*agent.trainable_variables, *critics.optimizer_variables(agent)]
    if agent.critic is not None:
        learned += agent.critic.trainable_variables
    for variable in learned:
        if not bool(nonfinite.all_finite([variable.value])):
            raise ValueError(
                "`fit` must start from finite weights. Received: NaN or "
                f"infinity in {variable.path}. Load or set other weights."
            )


def strategy() -> str | None:
    """Returns the class name of the active `tf.distribute` strategy, if any."""
    if not tf.distribute.has_strategy():
        return None
    return type(tf.distribute.get_strategy()).__name__


def check_no_strategy(made_under: str | None) -> None:
    """Refuses environments under a `tf.distribute` strategy.

    Args:
        made_under: The strategy under which the agent was made, if any.

    Raises:
        ValueError: If there is one, or a strategy is active.
    """
    present = strategy() or made_under
    if present is not None:
        raise ValueError(
            "Environments must be played without a `tf.distribute` "
            f"strategy. Received: {present}. Make and use the agent "
            "outside of `strategy.scope()`, and let `workers` play on more "
            "processors or machines."
        )


def refuses_environments(*verbs: str) -> Callable[[Kind], Kind]:
    """Makes methods of a `keras.Model` refuse environments.

    Args:
        *verbs: Names of methods whose first argument is a batch of arrays.

    Returns:
        Decorator of the class.
    """

    def decorate(kind: Kind) -> Kind:
        for verb in verbs:
            setattr(kind, verb, _refusing(verb, getattr(kind, verb)))
        return kind

    return decorate


def _refusing(verb: str, method: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(method)
    def refusing(
        self: keras.Model, x: object, *args: object, **kwargs: object
    ) -> Any:
        if sources.is_playable(x):
            raise TypeError(
                f"`{verb}` takes a batch of observations, not an "
                f"environment. Received: x={x!r}. To play the environment, "
                "call `fit`, `evaluate` or `collect`."
            )
        return method(self, x, *args, **kwargs)

    return refusing
