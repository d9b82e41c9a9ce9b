"""Builds an agent for the spaces of an environment, and for its episodes."""

from typing import Any, Protocol

import keras
import tensorflow as tf

from keras_cem import heads, networks, spaces
from keras_cem.agent import option_checks
from keras_cem.agent.opening import PlayingAgent
from keras_cem.agent.options import CEMOptions
from keras_cem.agent.step_functions import KerasFunction
from keras_cem.algorithm.elite_memory import EliteMemory
from keras_cem.engines import groups, sources
from keras_cem.networks import state_features
from keras_cem.networks.encoding import has_bytes
from keras_cem.utils.tensors import Nest


class BuiltAgent(PlayingAgent, Protocol):
    """What building needs of an agent."""

    episodes_per_start: int | None
    episodes_per_policy: int | None
    head: heads.Head
    memory: EliteMemory | None
    critic: keras.Layer | None
    normalize_observations: bool
    policy: keras.Layer
    train_function: KerasFunction | None

    def __call__(self, inputs: Nest, *, training: bool | None = None) -> Nest:
        """Returns the outputs for a batch of observations."""


def for_env(
    env: object,
    hidden_units: tuple[int, ...],
    activation: object,
    network: dict[str, Any] | None,
    agent_kwargs: dict[str, Any],
) -> dict[str, Any]:
    """Returns the arguments of `CEMAgent` with the default network.

    Args:
        env: As in `CEMAgent.from_env`, as those that follow it.
        hidden_units: Units of each hidden layer.
        activation: Activation of the hidden layers.
        network: Further arguments of `networks.default_policy`.
        agent_kwargs: Further arguments of `CEMAgent`.

    Raises:
        ValueError: If the environment has no spaces.
        TypeError: If `network` is not a dictionary.
    """
    observation_space, action_space, observations = sources.look_at(
        env, has_bytes
    )
    seed = CEMOptions(seed=agent_kwargs.get("seed")).seed
    if network is not None and not isinstance(network, dict):
        raise TypeError(
            "`network` must be a dictionary of arguments of "
            f"`networks.default_policy`. Received: network={network!r} "
            f"of type {type(network).__name__}. Pass your own network to "
            "`CEMAgent(policy, action_space)`."
        )
    arguments = {
        "observation": observations,
        "hidden_units": hidden_units,
        "activation": activation,
        "seed": seed,
        **(network or {}),
    }
    policy = networks.default_policy(
        observation_space,
        action_space,
        action_scale=agent_kwargs.get("action_scale"),
        **arguments,
    )
    critic = {}
    if agent_kwargs.get("elite_unit") == "step":
        # Values are not bounded.
        arguments.pop("output_activation", None)
        critic["critic"] = networks.default_critic(
            observation_space, **arguments
        )
    return {
        **critic,
        **agent_kwargs,
        "policy": policy,
        "action_space": action_space,
        "observation_space": observation_space,
        "seed": seed,
    }


def head(action_space: object, given: CEMOptions) -> heads.Head:
    """Returns the head of an action space, with the options of exploration.

    Args:
        action_space: The action space.
        given: The options of the method.

    Raises:
        ValueError: If they do not fit the action space or each other.
    """
    made = heads.for_space(
        action_space,
        action_scale=given.action_scale,
        noise=given.noise,
        correlation=given.correlation,
        imitate=given.imitate,
        persistence=given.persistence,
        entropy_coefficient=given.entropy_coefficient,
    )
    option_checks.check_head(given, made)
    return made


def build(agent: BuiltAgent, observation_space: spaces.Space) -> None:
    """Creates the policy's weights, as `CEMAgent.build_for` documents.

    Args:
        agent: An agent; nothing happens if it is built for this space.
        observation_space: Space of one observation.

    Raises:
        ValueError: If the policy's outputs do not fit the action space, or the
            agent was built for another space.
    """
    if agent.observation_space is not None:
        if agent.observation_space != observation_space:
            raise ValueError(
                "`observation_space` must be the space that the agent "
                f"was built for, {agent.observation_space}. Received: "
                f"observation_space={observation_space}"
            )
        return
    state_features.check(agent.head, observation_space)
    policy = agent.policy
    if agent.normalize_observations:
        policy.build_for(observation_space)
    batch = [
        tf.zeros((2, *leaf.shape), leaf.dtype)
        for leaf in observation_space.leaves
    ]
    critic, values = agent.critic, None
    if critic is not None:
        inputs = observation_space.pack(batch)
        if agent.normalize_observations:
            inputs = policy.normalized(inputs)
        # First, because Keras warns if a part of a built model is not built.
        values = critic(inputs)
    # A call, because `build` creates no weights for a subclassed policy and
    # only warns about it (keras 3.15, layer.py).
    outputs = agent(observation_space.pack(batch))
    heads.check_outputs(agent.head, outputs, policy.name)
    heads.check_last_layer(agent.head, inner_policy(agent))
    if critic is not None:
        option_checks.check_critic(critic, values, policy)
    agent.observation_space = observation_space


def inner_policy(agent: BuiltAgent) -> keras.Layer:
    """Returns the policy as given to `CEMAgent`, without a normalization."""
    policy = agent.policy
    return policy.policy if agent.normalize_observations else policy


def prepare(agent: BuiltAgent, source: sources.Source, batch_size: int) -> None:
    """Prepares an agent to learn from an environment, or refuses it.

    Args:
        agent: A built agent.
        source: The environment, or the recorded episodes.
        batch_size: K, the number of trajectories per iteration.

    Raises:
        ValueError: If K is not a multiple of the group size, or the
            environment cannot play groups.
    """
    per_start, per_policy = agent.episodes_per_start, agent.episodes_per_policy
    groups.check_batch_size(batch_size, per_start, per_policy)
    source.check_groups(per_start, per_policy)
    if agent.critic is not None:
        source.check_steps(batch_size)
    memory, space = agent.memory, agent.observation_space
    if (
        memory is not None
        and space is not None
        and memory.prepare(
            space,
            agent.action_space,
            source.first_steps,
            grows=source.first_steps < source.max_episode_steps,
        )
    ):
        # The compiled function refers to the old variables of the memory.
        agent.train_function = None
