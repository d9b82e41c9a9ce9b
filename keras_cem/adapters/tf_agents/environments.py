"""Opens environments of TF-Agents as sources of trajectories."""

from typing import Any

import cloudpickle
from tf_agents.environments import tf_wrappers, wrappers
from tf_agents.environments.batched_py_environment import BatchedPyEnvironment
from tf_agents.environments.parallel_py_environment import ParallelPyEnvironment
from tf_agents.environments.tf_py_environment import TFPyEnvironment

from keras_cem.adapters import in_graph
from keras_cem.adapters.tf_agents.graph_tf_environment import GraphTFEnvironment
from keras_cem.adapters.tf_agents.gymnasium_py_environment import (
    GymnasiumPyEnvironment,
)
from keras_cem.adapters.tf_agents.py_environments import (
    Batched,
    Parallel,
    Seeding,
    Single,
)
from keras_cem.adapters.tf_agents.specs import Side
from keras_cem.adapters.tf_agents.tf_environments import (
    TFEnvironmentSource,
    Traced,
)
from keras_cem.engines import sources
from keras_cem.engines.graph import memory_estimate
from keras_cem.engines.graph.source import GraphSource
from keras_cem.engines.host.slots import Slots
from keras_cem.engines.host.source import HostSource
from keras_cem.engines.host.sub_env_slots import SubEnvSlots
from keras_cem.engines.host.vector_slots import VectorSlots
from keras_cem.engines.playing import Options
from keras_cem.utils import tf_agents_internals


def open_py(env: Any, options: Options) -> HostSource:
    """Returns a `PyEnvironment`, ready to be played on the host.

    Args:
        env: `PyEnvironment`, batched or not.
        options: How to play it.
    """
    if options.engine == "graph":
        raise ValueError(
            "`engine` must be 'auto' or 'host' for an environment that is "
            f"stepped from Python. Received: engine='graph', env={env!r}"
        )
    sources.refuse_host_options(
        options, env, "a `PyEnvironment`, which already exists"
    )
    _check_rewards(env)
    observations = Side(env.observation_spec(), "observation_spec", acts=False)
    actions = Side(env.action_spec(), "action_spec", acts=True)
    own = env
    if type(env) is ParallelPyEnvironment:
        # A process ends if it lacks a requested attribute. So make one
        # environment in this process to read its attributes.
        pickled = tf_agents_internals.pickled_maker(env.envs[0])
        own = cloudpickle.loads(pickled)()
    elif type(env) is BatchedPyEnvironment:
        own = env.envs[0]
    try:
        limit = sources.limit(options, _own_limit(own), repr(env))
        seeded = Seeding(own)(0)
        slots = _slots(env, seeded, observations, actions)
    finally:
        if type(env) is ParallelPyEnvironment:
            own.close()
    return HostSource(
        repr(env),
        slots,
        observations.space,
        actions.space,
        limit,
        seeded=seeded,
    )


def open_tf(env: Any, options: Options) -> GraphSource | HostSource:
    """Returns a `TFEnvironment`, ready to be played.

    Args:
        env: `TFEnvironment`. If it wraps a `PyEnvironment`, it is played on the
            host; otherwise, inside the compiled step.
        options: How to play it.
    """
    if isinstance(env, TFPyEnvironment):
        return open_py(env.pyenv, options)
    if isinstance(env, GraphTFEnvironment):
        return in_graph.open_source(env.environment, options)
    if options.engine == "host":
        raise ValueError(
            "`engine` must be 'auto' or 'graph' for a `TFEnvironment` that "
            "does not wrap a `PyEnvironment`. Received: engine='host', "
            f"env={env!r}"
        )
    sources.refuse_host_options(
        options, env, "a `TFEnvironment`, which already exists"
    )
    _check_rewards(env)
    traced = Traced(env)
    limit = sources.limit(options, _own_limit(env), repr(env))
    source = TFEnvironmentSource(traced, options.batch_size, limit)
    memory_estimate.check_size(source, traced.state_bytes)
    return source


def _slots(env: Any, seeded: bool, observations: Side, actions: Side) -> Slots:
    spaces = (observations.space, actions.space)
    if type(env) is ParallelPyEnvironment:
        parallel = Parallel(env, observations, actions, seeded)
        return VectorSlots(
            parallel,
            *spaces,
            partial_reset=True,
            disabled_autoreset=False,
            owned=False,
        )
    if type(env) is BatchedPyEnvironment or not env.batched:
        envs = env.envs if env.batched else [env]
        singles = [Single(env, observations, actions) for env in envs]
        return SubEnvSlots(singles, *spaces, owned=False)
    return VectorSlots(
        Batched(env, observations, actions),
        *spaces,
        partial_reset=False,
        disabled_autoreset=False,
        owned=False,
    )


def _own_limit(env: Any) -> int | None:
    """Returns the smallest step limit of `env` and its wrappers.

    Only known classes are read. Other attributes are not limits, whatever their
    name: a `duration` may be in seconds.
    """
    limits: list[int | None] = []
    while True:
        if isinstance(env, (wrappers.TimeLimit, wrappers.FixedLength)):
            limits.append(tf_agents_internals.limit(env))
        elif isinstance(env, GymnasiumPyEnvironment):
            limits.append(env.max_episode_steps)
        elif isinstance(env, GraphTFEnvironment):
            limits.append(env.environment.max_episode_steps)
        if isinstance(env, wrappers.PyEnvironmentBaseWrapper):
            env = env.wrapped_env()
        elif isinstance(env, tf_wrappers.TFEnvironmentBaseWrapper):
            env = tf_agents_internals.wrapped(env)
        elif isinstance(env, TFPyEnvironment):
            env = env.pyenv
        elif type(env) is BatchedPyEnvironment:
            env = env.envs[0]
        else:
            break
    return min((int(each) for each in limits if each is not None), default=None)


def _check_rewards(env: Any) -> None:
    spec = env.reward_spec()
    if tuple(getattr(spec, "shape", (None,))) != ():
        raise ValueError(
            "`reward_spec` must describe one number per step. Received: "
            f"reward_spec={spec!r}, env={env!r}"
        )
