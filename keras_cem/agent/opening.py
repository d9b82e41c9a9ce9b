"""Opens environments and recorded episodes for an agent."""

import contextlib
import importlib
from typing import Protocol, cast

from keras_cem import spaces
from keras_cem.engines import sources
from keras_cem.engines.playing import Options, Playing
from keras_cem.engines.recorded.source import RecordedSource

DEFAULT_BATCH_SIZE = 64


class PlayingAgent(Protocol):
    """What playing needs of an agent."""

    observation_space: spaces.Space | None

    @property
    def action_space(self) -> spaces.Space:
        """Space of one action."""

    def build_for(self, observation_space: spaces.Space) -> None:
        """Creates the weights, or refuses another observation space."""


def with_workers(playing: Playing, stack: contextlib.ExitStack) -> Playing:
    """Returns arguments of playing, with workers in the place of a number.

    Args:
        playing: The arguments.
        stack: Ends the workers when it is closed, unless the caller has
            entered them.

    Raises:
        ValueError: If the number is out of range.
    """
    workers = Options(1, workers=playing.get("workers")).workers
    if workers is None:
        return playing
    if isinstance(workers, int):
        # Import late, and only if it is asked for.
        workers = importlib.import_module("keras_cem.adapters.ray").Workers(
            workers
        )
    stack.enter_context(cast(sources.Pool, workers))
    return {**playing, "workers": workers}


def open_playable(
    agent: PlayingAgent,
    env: object,
    batch_size: int,
    playing: Playing,
    argument: str = "x",
) -> sources.Playable:
    """Opens an environment for an agent, and builds the agent for it.

    Args:
        agent: The agent.
        env: Environment.
        batch_size: Number of trajectories per batch.
        playing: Arguments of playing.
        argument: Name of the caller's argument. Defaults to `"x"`.

    Raises:
        ValueError: If its spaces do not fit the agent, or it cannot be played.
    """
    opened = sources.open_source(env, Options(batch_size, **playing))
    try:
        source = opened.playable()
        if source.action_space != agent.action_space:
            raise ValueError(
                f"`{argument}` must be an environment with the agent's "
                f"action space, {agent.action_space}. "
                f"Received: action_space={source.action_space}"
            )
        agent.build_for(source.observation_space)
    except BaseException:
        opened.close()
        raise
    return source


def open_recorded(
    agent: PlayingAgent, recorded: object, batch_size: int | None
) -> RecordedSource:
    """Reads recorded episodes into a source that has its batch size K.

    Args:
        agent: The agent.
        recorded: Recorded episodes.
        batch_size: K, or None for the default.

    Raises:
        ValueError: If the episodes do not fit the agent.
    """
    source = sources.open_recorded(recorded)
    size = source.choose_batch_size(batch_size, DEFAULT_BATCH_SIZE)
    action_space = source.action_space or agent.action_space
    if action_space != agent.action_space:
        raise ValueError(
            "`x` must hold episodes with the agent's action space, "
            f"{agent.action_space}. Received: {source.name} with "
            f"action_space={action_space}"
        )
    observation_space = source.observation_space or agent.observation_space
    if observation_space is None:
        raise ValueError(
            "`fit` on a list of episodes needs the agent's observation "
            "space. Received: observation_space=None. Pass "
            "`observation_space` to `CEMAgent`."
        )
    agent.build_for(observation_space)
    source.load(observation_space, action_space, size)
    return source
