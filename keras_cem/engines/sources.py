"""Opens every supported form of environment as a playable source."""

import contextlib
import importlib
from collections.abc import Callable, Collection
from typing import Protocol, cast

import numpy as np
import tensorflow as tf

from keras_cem import spaces
from keras_cem.engines.graph.source import GraphSource
from keras_cem.engines.host.source import HostSource
from keras_cem.engines.playing import HOST_OPTIONS, Options
from keras_cem.engines.recorded.source import RecordedSource, is_recorded
from keras_cem.engines.remote.source import RemoteSource

# Adapter modules, imported on first use. Each has `accepts(env, options)` and
# `open_source(env, options)`. The first that accepts the environment opens it.
_RECORDED = "keras_cem.adapters.recorded"
_ADAPTERS = [
    _RECORDED,
    "keras_cem.adapters.in_graph",
    "keras_cem.adapters.tf_agents.sources",
    "keras_cem.adapters.gymnasium",
]

# Sources that play an environment.
Playable = HostSource | GraphSource | RemoteSource
Source = Playable | RecordedSource

FORMS = (
    "a gymnasium id, a `gymnasium.Env`, a `gymnasium.vector.VectorEnv`, a "
    "callable that returns an environment, an in-graph environment of "
    "`keras_cem.envs`, or a TF-Agents `PyEnvironment` or `TFEnvironment`"
)


class Pool(contextlib.AbstractContextManager[object], Protocol):
    """Workers, such as `keras_cem.adapters.ray.Workers`."""

    def open_source(self, env: object, options: Options) -> RemoteSource:
        """Returns `env` as a source that the workers play."""


class Adapter(Protocol):
    """Interface of an adapter module."""

    def accepts(self, env: object, options: Options) -> bool:
        """Whether this adapter takes `env`."""

    def open_source(self, env: object, options: Options) -> Source:
        """Returns `env` as a source that is ready to play."""


def is_data(x: object) -> bool:
    """Whether Keras takes `x` as data, not as an environment."""
    if isinstance(x, str) or is_recorded(x):
        return False
    known = (np.ndarray, tf.Tensor, tf.data.Dataset, list, tuple, dict)
    return (
        x is None
        or isinstance(x, known)
        or hasattr(x, "__array__")
        or hasattr(x, "__next__")
        or (hasattr(x, "__getitem__") and hasattr(x, "__len__"))
    )


def is_env(x: object, argument: str = "x") -> bool:
    """Whether `x` is an environment or recorded episodes.

    Args:
        x: Environment, recorded episodes, or data.
        argument: Name of the caller's argument, for the error message.

    Raises:
        TypeError: If `x` is neither an environment, nor recorded episodes, nor
            data.
    """
    if is_data(x):
        if (type(x) is list or type(x) is tuple) and x and is_playable(x[0]):
            raise TypeError(
                f"`{argument}` must be a single environment. Received: "
                f"{argument}={x!r}. Pass an id, or a callable that returns "
                "an environment; `num_envs` sets the number of "
                "sub-environments."
            )
        return False
    if is_playable(x):
        return True
    raise TypeError(
        f"`{argument}` must be an environment ({FORMS}) or data for Keras. "
        f"Received: {argument}={x!r} of type {type(x).__name__}"
    )


def is_playable(x: object) -> bool:
    """Whether an adapter accepts `x` as environment or recorded episodes."""
    return not is_data(x) and any(
        adapter.accepts(x, Options(1)) for adapter in _adapters()
    )


def open_source(env: object, options: Options) -> Source:
    """Opens an environment as a source that is ready to play.

    The caller must close the source. A source of recorded episodes must be
    loaded before use.

    Args:
        env: Anything that `is_env` accepts.
        options: How to play it.

    Raises:
        ValueError: If an option is out of range, the id is unknown, the length
            of an episode has no limit, or the machine cannot hold the
            episodes.
        TypeError: If `env` is not an environment.
    """
    if options.workers is not None:
        return cast(Pool, options.workers).open_source(env, options)
    for adapter in _adapters():
        if adapter.accepts(env, options):
            source = adapter.open_source(env, options)
            _check_size(source, options.batch_size)
            return source
    raise TypeError(
        f"`env` must be {FORMS}. "
        f"Received: env={env!r} of type {type(env).__name__}"
    )


def open_recorded(recorded: object) -> RecordedSource:
    """Opens recorded episodes; they must be loaded before use.

    Args:
        recorded: Anything that `is_recorded` accepts.
    """
    source: RecordedSource = importlib.import_module(_RECORDED).open_source(
        recorded, Options(1)
    )
    return source


def look_at(
    env: object, observing: Callable[[spaces.Space], bool] | None = None
) -> tuple[spaces.Space, spaces.Space, list[np.ndarray] | None]:
    """Returns the spaces of an environment and its first observations.

    Args:
        env: Anything that `is_env` accepts.
        observing: Function of the observation space that tells whether to
            reset `env` and return observations. Defaults to `None`: no
            observations.

    Returns:
        The observation space, the action space, and a batch of observations
        with one array per leaf, or None without observations.

    Raises:
        ValueError: If it has no spaces.
    """
    source = open_source(env, Options(batch_size=1, max_episode_steps=1))
    observations = None
    try:
        space, action_space = source.observation_space, source.action_space
        if space is not None and observing is not None and observing(space):
            observations = source.first_observations()
    finally:
        source.close()
    if space is None or action_space is None:
        raise ValueError(
            f"`env` must have spaces. Received: {source.name}, which has "
            "none. Pass `action_space` and `observation_space` to `CEMAgent`."
        )
    return space, action_space, observations


def refuse_host_options(
    options: Options,
    env: object,
    what: str,
    names: Collection[str] = HOST_OPTIONS,
) -> None:
    """Refuses options of sub-environments where none are made.

    Args:
        options: How to play the environment.
        env: The environment, as given by the caller.
        what: Description of the environment for the message.
        names: Options to refuse; all of them if not given.

    Raises:
        ValueError: If one of them is given.
    """
    for name in names:
        value = getattr(options, name)
        if value is not None:
            raise ValueError(
                f"`{name}` must be None for {what}. "
                f"Received: {name}={value!r}, env={env}"
            )


def limit(options: Options, own: int | None, name: str) -> int:
    """Returns the number of steps after which episodes are truncated.

    Args:
        options: Options with the caller's limit.
        own: The environment's own limit, or None if it has none.
        name: Name of the environment for error messages.

    Raises:
        ValueError: If there is neither limit.
    """
    known = [x for x in (options.max_episode_steps, own) if x is not None]
    if not known:
        raise ValueError(
            "`max_episode_steps` must be given for an environment without "
            "its own step limit. Received: max_episode_steps=None, "
            f"env={name}. Without a limit, an episode could go on forever."
        )
    return min(known)


def _check_size(source: Source, batch_size: int) -> None:
    try:
        source.check_size(batch_size)
    except BaseException:
        source.close()
        raise


def _adapters() -> list[Adapter]:
    return [importlib.import_module(name) for name in _ADAPTERS]
