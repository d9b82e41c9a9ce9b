"""In-graph environments: instances, and ids that have an in-graph version."""

import importlib
import math
from typing import Any

import numpy as np
import tensorflow as tf

from keras_cem import envs
from keras_cem.algorithm import elite_pairs
from keras_cem.engines import sources
from keras_cem.engines.graph.source import GraphSource
from keras_cem.engines.graph.trajectories import storage_dtype
from keras_cem.engines.sources import HOST_OPTIONS, Options
from keras_cem.envs.base import Environment
from keras_cem.utils import devices

# Peak memory of an iteration, as a multiple of what its trajectories take:
# `benchmarks/memory.py` finds 1.56 at K = 65,536.
PEAK = 1.6


def accepts(env: Any, options: Options) -> bool:
    """Whether this module takes `env`."""
    if isinstance(env, Environment):
        return True
    if options.engine == "host" or not isinstance(env, str):
        return False
    if options.engine == "graph":
        return True
    for_the_host = [getattr(options, name) for name in HOST_OPTIONS]
    if for_the_host != [None] * len(for_the_host):
        return False
    return _in_graph_id(env) is not None


def open_source(env: Any, options: Options) -> GraphSource:
    """Returns an in-graph environment, ready to be played."""
    if options.engine == "host":
        raise ValueError(
            "`engine` must be 'auto' or 'graph' for an in-graph environment. "
            f"Received: engine='host', env={env}. On the host, give its id."
        )
    sources.refuse_host_options(
        options,
        env,
        "an in-graph environment, which plays all trajectories at once, "
        "inside the compiled step",
    )
    if isinstance(env, str):
        env = envs.make(_known(env))
    else:
        envs.check(env)
    limit = sources.limit(options, env.max_episode_steps, repr(env))
    source = GraphSource(env, options.batch_size, limit)
    seed = (tf.zeros(1, tf.uint32), tf.zeros(1, tf.uint32))
    state = tf.nest.flatten(env.initial(seed))
    check_size(source, sum(leaf.dtype.size for leaf in state))
    return source


def _in_graph_id(env: str) -> str | None:
    # By name, for it needs gymnasium, and this package is imported without.
    ids = importlib.import_module("keras_cem.adapters.gymnasium_ids")
    return ids.in_graph_id(env)


def _known(env: str) -> str:
    found = _in_graph_id(env)
    if found is not None:
        return found
    if env in envs.registry:
        raise ValueError(
            "`engine` must be 'auto' or 'host' for an id that was registered "
            "anew, as another environment than gymnasium's. Received: "
            f"engine='graph', env={env!r}. For the in-graph version of "
            f"gymnasium's, give `keras_cem.envs.make({env!r})`."
        )
    raise ValueError(
        "`engine` must be 'auto' or 'host' for an id without an in-graph "
        f"version. Received: engine='graph', env={env!r}. "
        f"In-graph are {', '.join(sorted(envs.registry))}."
    )


def stored_bytes(source: GraphSource, state_bytes: int) -> int:
    """Returns how much memory the trajectories of one iteration take.

    Args:
        source: What is to be played.
        state_bytes: What the state of one row takes.
    """
    size = state_bytes + sum(
        math.prod(leaf.shape) * storage_dtype(leaf).itemsize
        for leaf in source.action_space.leaves
    )
    return size * source.batch_size * source.max_episode_steps


def check_size(source: GraphSource, state_bytes: int) -> None:
    """Refuses more trajectories than memory holds, or than can be numbered.

    Memory is the GPU's, if there is one that tells.

    Args:
        source: What is to be played.
        state_bytes: What the state of one row takes.
    """
    needed = PEAK * stored_bytes(source, state_bytes)
    present, where = devices.gpu_memory(), "the GPU's memory"
    if present is None:
        present, where = devices.host_memory(), "memory"
    if needed > present:
        raise ValueError(
            f"`batch_size` x `max_episode_steps` must fit in {where}. "
            f"Received: batch_size={source.batch_size}, "
            f"max_episode_steps={source.max_episode_steps}, which take about "
            f"{needed / 2**30:.1f} GiB, of {present / 2**30:.1f} GiB."
        )
    # `elite_pairs` numbers steps in int32, block by block.
    steps = source.batch_size * source.max_episode_steps
    most = np.iinfo(np.int32).max - elite_pairs.MAX_BLOCK_SIZE_ON_GPU
    if steps > most:
        raise ValueError(
            "`batch_size` x `max_episode_steps` must be at most "
            f"{most:,}. Received: batch_size={source.batch_size}, "
            f"max_episode_steps={source.max_episode_steps}."
        )
