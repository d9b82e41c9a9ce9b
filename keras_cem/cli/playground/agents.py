"""The agents of the playground."""

from typing import Any

import keras

from keras_cem import CEMAgent
from keras_cem.agent import critics
from keras_cem.agent.staged_training import StagedTraining
from keras_cem.cli.flags import from_flags
from keras_cem.cli.playground.settings import Settings


def make(settings: Settings) -> CEMAgent:
    """Returns a compiled agent.

    Args:
        settings: The settings.

    Raises:
        ValueError, ImportError, RuntimeError: If the environment cannot be
            used.
    """
    agent = CEMAgent.from_env(
        settings.env,
        hidden_units=settings.hidden_units,
        activation=settings.activation,
        elite_quantile=settings.elite_quantile,
        ties=settings.ties,
        elite_unit=settings.elite_unit,
        gradient_steps=settings.gradient_steps,
        seed=settings.seed,
    )
    optimizer = keras.optimizers.get(settings.optimizer)
    optimizer.learning_rate = settings.learning_rate
    agent.compile(optimizer, jit_compile=False)
    return agent


def train_in_stages(agent: CEMAgent, settings: Settings) -> StagedTraining:
    """Returns the training of an agent.

    Args:
        agent: An agent that `make` returned.
        settings: The settings.

    Raises:
        ValueError, ImportError, RuntimeError: If the environment cannot be
            played.
    """
    return StagedTraining(
        agent,
        settings.env,
        settings.batch_size,
        playing={"max_episode_steps": settings.max_episode_steps},
    )


def schedule(settings: Settings) -> Any:
    """Returns the schedule of epsilon."""
    return from_flags.make_schedule(
        settings.epsilon_schedule, settings.epsilon, settings.epsilon_steps
    )


def copy(old: CEMAgent, new: CEMAgent) -> None:
    """Copies weights, counters and optimizers.

    Args:
        old: An agent that has been prepared to learn.
        new: Another with the same network and optimizer.
    """
    for agent_variables in (
        lambda agent: agent.variables,
        critics.optimizer_variables,
    ):
        pairs = zip(agent_variables(new), agent_variables(old), strict=True)
        for to, of in pairs:
            to.assign(of)
