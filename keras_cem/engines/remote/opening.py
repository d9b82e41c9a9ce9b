"""Opens an environment that workers play."""

import dataclasses
import hashlib
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from keras_cem.engines import sources
from keras_cem.engines.graph.source import GraphSource
from keras_cem.engines.host.environment import EpisodeError
from keras_cem.engines.host.source import HostSource
from keras_cem.engines.player import Player
from keras_cem.engines.playing import Options
from keras_cem.engines.policies import ActingAgent
from keras_cem.engines.remote.replica import steps_of
from keras_cem.engines.remote.session import Session
from keras_cem.engines.remote.source import Local, RemoteSource
from keras_cem.engines.wanted import Wanted
from keras_cem.envs.base import Environment

# The episodes and steps that are played to compare workers with this process.
PROBE_EPISODES, PROBE_STEPS = 8, 16


class Assignment(NamedTuple):
    """What a session of workers is made for.

    Attributes:
        agent: The agent, built for the environment.
        env: The environment, as given by the user.
        options: How a worker plays it.
        probe: A few episodes that every worker must play alike.
        fingerprint: A hash of what this process plays of them.
    """

    agent: ActingAgent
    env: object
    options: Options
    probe: Wanted
    fingerprint: str


def open_remote(
    env: object,
    options: Options,
    chunk_size: int,
    connect: Callable[[Assignment], Session],
) -> RemoteSource:
    """Opens an environment as a source that workers play.

    Args:
        env: An id, a callable, or an in-graph environment.
        options: How to play it, with workers.
        chunk_size: Maximum number of episodes per chunk.
        connect: Returns a session of the workers.

    Raises:
        TypeError: If the environment exists already, so that no worker can
            make its own.
        ValueError: If its episodes depend on each other.
    """
    if not (isinstance(env, str) or callable(env) or _in_graph(env)):
        raise TypeError(
            "`workers` need an environment that each of them can make. "
            f"Received: env={env!r} of type {type(env).__name__}, which "
            "already exists and cannot be sent. Pass an id, or a callable "
            "that returns the environment."
        )
    here = dataclasses.replace(options, workers=None)
    opened = local(sources.open_source(env, here))
    try:
        _check_episodes(opened)
    except BaseException:
        opened.close()
        raise
    size = min(max(chunk_size, _policy_rows(opened)), options.batch_size)
    there = _options_of_workers(opened, here, size)

    def session(agent: ActingAgent, wanted: Wanted) -> Session:
        probe = wanted._replace(first=0, size=min(size, PROBE_EPISODES))
        found = fingerprint(agent, opened, probe)
        return connect(Assignment(agent, env, there, probe, found))

    return RemoteSource(opened, size, session)


def local(source: sources.Source) -> Local:
    """Returns a source that its own process plays.

    Raises:
        ValueError: If it is another kind of source.
    """
    playable = source.playable()
    if isinstance(playable, RemoteSource):
        raise ValueError("Workers cannot play with workers.")
    return playable


def fingerprint(agent: ActingAgent, source: Local, probe: Wanted) -> str:
    """Returns a hash of what a few episodes were in a process.

    It differs where the processor, a library or the simulator computes other
    bits.

    Args:
        agent: The agent.
        source: The environment.
        probe: Which episodes; only their first steps are played.
    """
    steps = min(source.max_episode_steps, PROBE_STEPS)
    short = dataclasses.replace(source, max_episode_steps=steps)
    if isinstance(short, GraphSource):
        short = dataclasses.replace(short, batch_size=probe.size)
    try:
        played = short.played_by(Player(agent), probe)
    except EpisodeError as error:
        if error.played is None:
            raise
        played = error.played
    found = hashlib.sha256()
    rows = np.arange(probe.size)
    for leaf in tf.nest.flatten(steps_of(played, rows, whole=True)):
        found.update(np.ascontiguousarray(leaf).tobytes())
    return found.hexdigest()


def _in_graph(env: object) -> bool:
    return isinstance(env, Environment)


def _policy_rows(source: Local) -> int:
    """Returns the least number of episodes per chunk.

    In the graph, a policy is called with one observation per slot. Its bits
    depend on that number, so a chunk must fill all slots.
    """
    return source.num_slots if isinstance(source, GraphSource) else 1


def _check_episodes(source: Local) -> None:
    if isinstance(source, HostSource) and not source.slots.partial_reset:
        raise ValueError(
            "`workers` need sub-environments that can each be reset with its "
            f"own seed. Received: {source.name}. Pass an id, or a callable "
            "that returns a single `gymnasium.Env`."
        )


def _options_of_workers(source: Local, options: Options, size: int) -> Options:
    """Returns how a worker opens the environment.

    The policy is called with as many observations as in this process, because
    its bits depend on that number.
    """
    num_envs = options.num_envs
    if isinstance(source, GraphSource):
        return dataclasses.replace(
            options, batch_size=size, num_envs=source.num_slots
        )
    present = source.slots.num_envs
    if options.vectorization_mode in ("async", "vector_entry_point"):
        num_envs = present
    # Without `num_envs`, it makes as many.
    return dataclasses.replace(
        options, batch_size=max(size, present), num_envs=num_envs
    )
