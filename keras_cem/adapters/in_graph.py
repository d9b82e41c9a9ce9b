"""In-graph environments: instances, and ids that have an in-graph version."""

import importlib
from typing import Any

from keras_cem import envs
from keras_cem.engines import sources
from keras_cem.engines.graph.memory_estimate import check_size
from keras_cem.engines.graph.source import GraphSource
from keras_cem.engines.playing import HOST_OPTIONS, Options
from keras_cem.envs.base import Environment


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
            f"Received: engine='host', env={env}. To play it on the host, "
            "pass its id."
        )
    sources.refuse_host_options(
        options,
        env,
        "an in-graph environment, which plays inside the compiled step",
        set(HOST_OPTIONS) - {"num_envs"},
    )
    if isinstance(env, str):
        env = envs.make(_known(env))
    else:
        envs.check(env)
    limit = sources.limit(options, env.max_episode_steps, repr(env))
    source = GraphSource(
        env, options.batch_size, limit, num_envs=options.num_envs
    )
    check_size(source, env.state_bytes)
    return source


def _in_graph_id(env: str) -> str | None:
    # Import late: the module needs gymnasium, `import keras_cem` does not.
    ids = importlib.import_module("keras_cem.adapters.gymnasium_ids")
    return ids.in_graph_id(env)


def _known(env: str) -> str:
    found = _in_graph_id(env)
    if found is not None:
        return found
    if env in envs.registry:
        raise ValueError(
            "`engine` must be 'auto' or 'host' for an id that is registered "
            "for another environment than gymnasium's. Received: "
            f"engine='graph', env={env!r}. To use the in-graph version of "
            f"gymnasium's environment, pass `keras_cem.envs.make({env!r})`."
        )
    raise ValueError(
        "`engine` must be 'auto' or 'host' for an id without an in-graph "
        f"version. Received: engine='graph', env={env!r}. In-graph versions "
        f"exist for {', '.join(sorted(envs.registry))}."
    )
