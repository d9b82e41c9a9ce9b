"""In-graph environments: instances, and ids that have an in-graph version."""

import math
import os
from typing import Any

import tensorflow as tf

from keras_cem import envs
from keras_cem.envs.base import Environment
from keras_cem.rollouts.graph import GraphSource, storage_dtype
from keras_cem.rollouts.sources import HOST_OPTIONS, Options


def accepts(env: Any, options: Options) -> bool:
    """Whether this module takes `env`."""
    if isinstance(env, Environment):
        return True
    if options.engine == "host" or not isinstance(env, str):
        return False
    if options.engine == "graph":
        return True
    for_the_host = [getattr(options, name) for name in HOST_OPTIONS]
    return env in envs.registry and for_the_host == [None] * len(for_the_host)


def open_source(env: Any, options: Options) -> GraphSource:
    """Returns an in-graph environment, ready to be played."""
    if options.engine == "host":
        raise ValueError(
            "`engine` must be 'auto' or 'graph' for an in-graph environment. "
            f"Received: engine='host', env={env}. On the host, give its id."
        )
    for name in HOST_OPTIONS:
        if getattr(options, name) is not None:
            raise ValueError(
                f"`{name}` must be None for an in-graph environment, which "
                "plays all trajectories at once, inside the compiled step. "
                f"Received: {name}={getattr(options, name)!r}, env={env}"
            )
    if isinstance(env, str):
        if env not in envs.registry:
            raise ValueError(
                "`engine` must be 'auto' or 'host' for an id without an "
                f"in-graph version. Received: engine='graph', env={env!r}. "
                f"In-graph are {', '.join(sorted(envs.registry))}."
            )
        env = envs.make(env)
    else:
        envs.check(env)
    limits = [options.max_episode_steps, env.max_episode_steps]
    known = [limit for limit in limits if limit is not None]
    if not known:
        raise ValueError(
            "`max_episode_steps` must be given for an environment without a "
            f"limit of its own. Received: max_episode_steps=None, env={env}"
        )
    source = GraphSource(env, options.batch_size, min(known))
    _check_memory(source)
    return source


def stored_bytes(source: GraphSource) -> int:
    """Returns how much memory the trajectories of one iteration take."""
    seed = (tf.zeros(1, tf.uint32), tf.zeros(1, tf.uint32))
    size = sum(
        leaf.dtype.size for leaf in tf.nest.flatten(source.env.initial(seed))
    )
    size += sum(
        math.prod(leaf.shape) * storage_dtype(leaf).itemsize
        for leaf in source.action_space.leaves
    )
    return size * source.batch_size * source.max_episode_steps


def _check_memory(source: GraphSource) -> None:
    needed = stored_bytes(source)
    present = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    if needed > present:
        raise ValueError(
            "`batch_size` x `max_episode_steps` must fit in memory. Received: "
            f"batch_size={source.batch_size}, "
            f"max_episode_steps={source.max_episode_steps}, which take "
            f"{needed / 2**30:.1f} GiB for the trajectories alone, of "
            f"{present / 2**30:.1f} GiB."
        )
