"""Options that contradict each other or the action space."""

from typing import Any

import tensorflow as tf

from keras_cem import heads


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
        f"`{second}` must be None if `{first}` is given: {reason}. Received: "
        f"{received}"
    )


def check_head(options: Any, head: heads.Head) -> None:
    """Refuses an epsilon out of range, and groups that cannot be played.

    Args:
        options: The options.
        head: The head made with them.

    Raises:
        ValueError: If so. The message shows the values.
    """
    head.check_epsilon(options.epsilon)
    if tf.nest.flatten(head.initial_exploration(1)):
        name = "persistence" if options.persistence > 1 else "noise"
        exclusive(
            "a sample of the policy repeats its action for the same "
            "observation, but this exploration also depends on earlier steps",
            **{
                name: getattr(options, name),
                "episodes_per_policy": options.episodes_per_policy,
            },
        )
