"""Options that contradict each other or the action space."""

from typing import Any

import keras
import tensorflow as tf

from keras_cem import heads
from keras_cem.utils import checks

DEFAULT_GAE_LAMBDA = 0.95


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
    """Refuses an epsilon out of range, and what cannot be played or ranked.

    Args:
        options: The options.
        head: The head made with them.

    Raises:
        ValueError: If so. The message shows the values.
    """
    head.check_epsilon(options.epsilon)
    if options.elite_unit == "step" and options.critic is None:
        raise ValueError(
            "`critic` must be given with elite_unit='step'. Received: "
            "critic=None. Give a `keras.Layer` from observations to one number "
            "each, such as `networks.default_critic(observation_space)`, or "
            "use `CEMAgent.from_env`, which makes one."
        )
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


def check_unit(options: Any) -> None:
    """Refuses options that mean nothing for the unit of elites.

    Args:
        options: The options.

    Raises:
        ValueError: If so. The message names the option.
    """
    if options.elite_unit == "step":
        for name in (
            "elite_memory",
            "episodes_per_start",
            "episodes_per_policy",
        ):
            value = getattr(options, name)
            if value is not None:
                raise ValueError(
                    f"`{name}` must be None with elite_unit='step', which "
                    "ranks steps, not whole episodes. Received: "
                    f"{name}={value!r}"
                )
        if options.loss_normalization != "trajectory":
            raise ValueError(
                "`loss_normalization` must be left out with elite_unit='step': "
                "the loss is the mean over the elite steps. Received: "
                f"loss_normalization={options.loss_normalization!r}"
            )
        return
    checks.only_for(
        "elite_unit='step'",
        critic=options.critic,
        gae_lambda=(
            None
            if options.gae_lambda == DEFAULT_GAE_LAMBDA
            else options.gae_lambda
        ),
        critic_epochs=options.critic_epochs,
    )


def check_critic(
    critic: keras.Layer, outputs: Any, policy: keras.Layer
) -> None:
    """Refuses a critic that does not give one number, or shares weights.

    Args:
        critic: The critic of elite steps, built.
        outputs: Its outputs for a batch of two observations.
        policy: The policy, built.

    Raises:
        ValueError: If so.
    """
    shape = getattr(outputs, "shape", None)
    if shape is None or tuple(shape) not in ((2, 1), (2,)):
        raise ValueError(
            "`critic` must return one number per observation, shape (batch, 1) "
            f"or (batch,). Received: critic={critic.name!r} with outputs of "
            f"{'a nest' if shape is None else f'shape {tuple(shape)}'} for 2 "
            "observations."
        )
    own = {id(variable) for variable in policy.variables}
    shared = [each.path for each in critic.variables if id(each) in own]
    if shared:
        raise ValueError(
            "`critic` must not share layers with `policy`: each has its own "
            "optimizer, and one would undo what the other learned. Received: "
            f"critic={critic.name!r} with the policy's {', '.join(shared)}. "
            "Copy the layers, for example with `keras.models.clone_model`."
        )
