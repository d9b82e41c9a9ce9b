"""The options of the method as arguments and attributes of an agent."""

import dataclasses
from typing import TYPE_CHECKING, Any

import keras

from keras_cem.agent.options import OPTIONS, CEMOptions
from keras_cem.utils import option_fields
from keras_cem.utils.keras_internals import set_untracked

# Options that are fixed once the agent is made: its steps compile them in.
FIXED = OPTIONS.keys() - {"epsilon"}


@dataclasses.dataclass(frozen=True)
class AgentArguments(CEMOptions):
    """Arguments of `CEMAgent`, for type checkers."""

    policy: keras.Layer
    action_space: Any
    _: dataclasses.KW_ONLY
    observation_space: Any = None
    # As in `keras.Layer`.
    name: str | None = None
    trainable: bool = True
    dtype: Any = None
    autocast: bool = True
    activity_regularizer: Any = None


@dataclasses.dataclass(frozen=True)
class FromEnvArguments(CEMOptions):
    """Arguments of `CEMAgent.from_env`, for type checkers."""

    env: Any
    _: dataclasses.KW_ONLY
    hidden_units: tuple[int, ...] = (128,)
    activation: Any = "relu"
    network: dict[str, Any] | None = None
    # As in `keras.Layer`.
    name: str | None = None
    trainable: bool = True
    dtype: Any = None
    autocast: bool = True
    activity_regularizer: Any = None


if TYPE_CHECKING:

    class OptionAttributes(CEMOptions):
        """The options as attributes of an agent."""

        seed: int
        discount: float

        def __init__(self, **kwargs: Any) -> None: ...

        @property
        def epsilon(self) -> keras.Variable: ...

        @epsilon.setter
        def epsilon(self, value: float | keras.Variable) -> None: ...

else:
    # The agent sets the attributes.
    OptionAttributes = object


def set_attributes(agent: Any, options: CEMOptions) -> None:
    """Sets the options as attributes of an agent.

    Args:
        agent: The agent.
        options: Its options, checked by the head as well.
    """
    for name, value in option_fields.values(options).items():
        if isinstance(value, keras.Layer):
            # Keras tracks its weights.
            setattr(agent, name, value)
        elif name in FIXED:
            set_untracked(agent, **{name: value})


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
            f"`{name}` must keep its value {getattr(agent, name)!r}, because "
            "it is compiled into the agent's steps. Received: "
            f"{name}={value!r}. Make another agent with "
            f"`CEMAgent.from_config({{**agent.get_config(), {name!r}: "
            f"{value!r}}})` and copy the weights with `set_weights`. Its "
            "counters start at 0."
        )
