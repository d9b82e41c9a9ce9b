"""Copies of an agent for other processes."""

from typing import Any, NamedTuple

import keras

from keras_cem.engines.policies import ActingAgent


class Description(NamedTuple):
    """All that a copy of an agent needs, except for its weights.

    Attributes:
        config: The agent, serialized.
        custom_objects: Classes and functions of the user by name.
        run_eagerly: As given to `compile`.
    """

    config: dict[str, Any]
    custom_objects: dict[str, Any]
    run_eagerly: bool

    def make(self) -> ActingAgent:
        """Returns a copy of the agent, with other weights."""
        with keras.saving.custom_object_scope(self.custom_objects):
            agent = keras.saving.deserialize_keras_object(self.config)
        if self.run_eagerly:
            agent.compile(optimizer=None, run_eagerly=True)
        copy: ActingAgent = agent
        return copy


def describe(agent: Any) -> Description:
    """Returns the description of an agent that is built.

    Args:
        agent: A `CEMAgent`.

    Raises:
        ValueError: If the agent cannot be made from its configuration.
    """
    try:
        config = keras.saving.serialize_keras_object(agent)
    except Exception as error:
        raise ValueError(
            "With `workers`, the agent and its policy must have a "
            f"configuration. Received: {agent.name!r}, whose `get_config` "
            f"raised {error!r}"
        ) from error
    config["compile_config"] = None
    config["build_config"] = None
    return Description(
        config,
        _custom_objects(agent),
        bool(agent.compiled and agent.run_eagerly),
    )


def _custom_objects(agent: Any) -> dict[str, Any]:
    """Returns registered objects, and the classes of the agent's parts.

    Classes of a script are found by name only in the process that runs it.
    """
    found: dict[str, Any] = dict(keras.saving.get_custom_objects())
    layers = [agent]
    while layers:
        layer = layers.pop()
        kind = type(layer)
        if kind.__module__.partition(".")[0] not in ("keras", "keras_cem"):
            found[kind.__name__] = kind
        layers += getattr(layer, "layers", ())
    return found
