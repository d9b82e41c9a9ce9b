"""Gymnasium environments: ids, single and vector environments, factories."""

import contextlib
import dataclasses
import functools
import os
from collections.abc import Callable, Iterator
from typing import Any

import gymnasium
from gymnasium.vector import (
    AsyncVectorEnv,
    SyncVectorEnv,
    VectorEnv,
    VectorWrapper,
)

from keras_cem import spaces
from keras_cem.adapters import vector_spaces, workers
from keras_cem.adapters.gymnasium_ids import make_env, make_vector_env
from keras_cem.engines import sources
from keras_cem.engines.host import step_storage
from keras_cem.engines.host.slots import Slots
from keras_cem.engines.host.source import HostSource
from keras_cem.engines.host.sub_env_slots import SubEnvSlots
from keras_cem.engines.host.vector_slots import VectorSlots
from keras_cem.engines.playing import Options
from keras_cem.engines.sources import FORMS
from keras_cem.utils import gymnasium_internals
from keras_cem.utils.closing import close_env

# Default number of times that failing environments are made again.
MAX_ENV_RESTARTS = 3

# A vector environment of more sub-environments than this is made only after a
# look at the spaces of a small one: it may need more memory than there is.
MANY_ENVS = 2**16

# With more sub-environments, the cost of the policy per step no longer falls
# (measured by benchmarks/host_rollout.py), and each takes memory.
MAX_SYNC_ENVS = 256


def accepts(env: Any, options: Options) -> bool:
    """Whether this module takes `env`."""
    del options
    return isinstance(env, (str, gymnasium.Env, VectorEnv)) or callable(env)


def open_source(env: Any, options: Options) -> HostSource:
    """Returns a gymnasium environment, ready to be played."""
    if options.engine == "graph":
        raise ValueError(
            "`engine` must be 'auto' or 'host' for an environment that is "
            f"stepped from Python. Received: engine='graph', env={env!r}"
        )
    if options.step_timeout and options.vectorization_mode != "async":
        raise ValueError(
            "`step_timeout` must be None unless vectorization_mode='async', "
            "because an environment that hangs in this process cannot be "
            f"interrupted. Received: step_timeout={options.step_timeout}, "
            f"vectorization_mode={options.vectorization_mode!r}"
        )
    if isinstance(env, VectorEnv):
        return _vector(env, options, name=_name(env))
    if isinstance(env, gymnasium.Env):
        _refuse(env, options, "a single `gymnasium.Env`")
        return _single([env], options, name=_name(env))
    name = env if isinstance(env, str) else repr(env)
    make: Callable[[], Any] = env
    if isinstance(env, str):
        make = functools.partial(make_env, env)
    mode = options.vectorization_mode or "sync"
    if mode == "vector_entry_point":
        return _entry_point(env, options)
    if mode == "async":
        return _asynchronous(env, make, options, name)
    num_envs = options.num_envs or min(options.batch_size, MAX_SYNC_ENVS)
    envs: list[Any] = []
    with _closed_if_it_fails(envs):
        envs.append(_checked(make(), name))
        if isinstance(envs[0], VectorEnv):
            _refuse_for_vector_factory(envs[0], options)
            return _vector(envs[0], options, name=name, make=make)
        _check_size(envs[0], options, name)
        while len(envs) < num_envs:
            made = _checked(make(), name)
            if any(made is env for env in envs):
                raise ValueError(
                    "`env` must be a callable that returns a new environment "
                    f"on each call. Received: env={name}, which returned "
                    f"{made!r} twice"
                )
            envs.append(made)
        return _single(envs, options, name=name, make=make)


def _single(
    envs: list[Any],
    options: Options,
    *,
    name: str,
    make: Callable[[], Any] | None = None,
) -> HostSource:
    observation_space, action_space = _described(
        envs[0].observation_space, envs[0].action_space
    )
    slots = SubEnvSlots(
        envs,
        observation_space,
        action_space,
        owned=make is not None,
        makers=None if make is None else [make] * len(envs),
    )
    return _source(
        slots, envs[0], options, name, observation_space, action_space
    )


def _vector(
    env: Any,
    options: Options,
    *,
    name: str,
    make: Callable[[], Any] | None = None,
) -> HostSource:
    if make is None:
        _refuse(env, options, "a `gymnasium.vector.VectorEnv`")
    observation_space, action_space = _described(
        *vector_spaces.single_spaces(env)
    )
    if type(env) is SyncVectorEnv:
        # Step its sub-environments directly, so that idle ones are not stepped.
        slots: Slots = SubEnvSlots(
            gymnasium_internals.sub_envs(env),
            observation_space,
            action_space,
            owned=make is not None,
            makers=None if make is None else gymnasium_internals.makers(env),
        )
    else:
        mode = vector_spaces.autoreset_mode(env)
        slots = VectorSlots(
            env,
            observation_space,
            action_space,
            partial_reset=isinstance(
                env.unwrapped, (SyncVectorEnv, AsyncVectorEnv)
            ),
            disabled_autoreset=mode is gymnasium.vector.AutoresetMode.DISABLED,
            same_step_autoreset=(
                mode is gymnasium.vector.AutoresetMode.SAME_STEP
            ),
            owned=make is not None,
            make=make,
        )
    return _source(slots, env, options, name, observation_space, action_space)


def _entry_point(env: Any, options: Options) -> HostSource:
    if not isinstance(env, str):
        raise ValueError(
            "`vectorization_mode` must be 'sync' or 'async' unless the "
            "environment is given by its id. "
            f"Received: vectorization_mode='vector_entry_point', env={env!r}"
        )
    num_envs = options.num_envs or options.batch_size
    if num_envs > MANY_ENVS:
        most = dataclasses.replace(
            options, batch_size=max(num_envs, options.batch_size)
        )
        small = make_vector_env(env, 1)
        with contextlib.ExitStack() as stack:
            stack.callback(close_env, small)
            _check_size(small, most, env)
    make = functools.partial(make_vector_env, env, num_envs)
    vector = make()
    with _closed_if_it_fails([vector]):
        return _vector(vector, options, name=env, make=make)


def _asynchronous(
    env: Any, make: Callable[[], Any], options: Options, name: str
) -> HostSource:
    # Make one environment here: if an id or a factory fails in the workers, the
    # reason is lost. The probe also gives the step limit.
    probe = _checked(make(), name)
    with contextlib.ExitStack() as stack:
        stack.callback(close_env, probe)
        if isinstance(probe, VectorEnv):
            _refuse_for_vector_factory(probe, options)
        limit = _check_size(probe, options, name)
        if isinstance(env, str):
            # Use the probe's spec: the id may be registered in this process
            # only, and workers then need not import this package.
            make = functools.partial(
                gymnasium.make, probe.spec, disable_env_checker=True
            )
    num_envs = options.num_envs or min(options.batch_size, os.cpu_count() or 1)
    options = dataclasses.replace(options, max_episode_steps=limit)
    start = functools.partial(
        workers.start,
        make,
        num_envs,
        probe.observation_space,
        probe.action_space,
        options.step_timeout,
    )
    vector = start()
    with _closed_if_it_fails([vector]):
        return _vector(vector, options, name=name, make=start)


def _check_size(env: Any, options: Options, name: str) -> int:
    """Refuses a batch that the machine cannot hold; returns the step limit."""
    if isinstance(env, VectorEnv):
        single = vector_spaces.single_spaces(env)
    else:
        single = (env.observation_space, env.action_space)
    limit = sources.limit(options, own_limit(env), name)
    step_storage.check_size(
        name,
        *_described(*single),
        options.batch_size,
        step_storage.padded_steps(0, limit),
        limit,
    )
    return limit


@contextlib.contextmanager
def _closed_if_it_fails(envs: list[Any]) -> Iterator[None]:
    try:
        yield
    except BaseException:
        for env in envs:
            close_env(env)
        raise


def _source(
    slots: Slots,
    env: Any,
    options: Options,
    name: str,
    observation_space: spaces.Space,
    action_space: spaces.Space,
) -> HostSource:
    restarts = options.max_env_restarts
    if restarts is None:
        restarts = MAX_ENV_RESTARTS
    return HostSource(
        name,
        slots,
        observation_space,
        action_space,
        sources.limit(options, own_limit(env), name),
        max_env_restarts=restarts if slots.can_restart else 0,
    )


def own_limit(env: Any) -> int | None:
    """Returns the step limit of an environment or of a wrapper around it.

    None means no limit.
    """
    while True:
        if isinstance(env, gymnasium.wrappers.TimeLimit):
            return gymnasium_internals.time_limit(env)
        if isinstance(env, (gymnasium.Wrapper, VectorWrapper)):
            env = env.env
        elif isinstance(env, SyncVectorEnv):
            env = gymnasium_internals.sub_envs(env)[0]
        else:
            # A vector environment may have no spec.
            spec = getattr(env, "spec", None)
            return None if spec is None else spec.max_episode_steps


def _described(
    observation_space: Any, action_space: Any
) -> tuple[spaces.Space, spaces.Space]:
    return (
        spaces.get(observation_space, "observation_space"),
        spaces.get(action_space, "action_space"),
    )


def _checked(env: Any, name: str) -> Any:
    if isinstance(env, (gymnasium.Env, VectorEnv)):
        return env
    cure = ""
    if sources.is_playable(env):
        cure = " Pass the environment itself, not a callable that returns it."
    raise TypeError(
        f"`env` must be {FORMS}. Received: env={name}, which returned "
        f"{env!r} of type {type(env).__name__}.{cure}"
    )


def _refuse(env: Any, options: Options, what: str) -> None:
    """Refuses options that an existing environment cannot follow."""
    for name in ("num_envs", "vectorization_mode", "max_env_restarts"):
        value = getattr(options, name)
        if value:
            raise ValueError(
                f"`{name}` must be None for {what}, because it already "
                f"exists. Received: {name}={value!r}, env={env}. Pass an id, "
                "or a callable that returns a single `gymnasium.Env`, "
                "instead."
            )


def _refuse_for_vector_factory(env: Any, options: Options) -> None:
    """Refuses options that a factory of a `VectorEnv` decides itself."""
    for name in ("num_envs", "vectorization_mode"):
        value = getattr(options, name)
        if value:
            raise ValueError(
                f"`{name}` must be None for a callable that returns a "
                "`VectorEnv`, because the callable sets it. Received: "
                f"{name}={value!r}, env={env}, with num_envs={env.num_envs}. "
                f"Leave `{name}` out, or pass a callable that returns a "
                "single `gymnasium.Env`."
            )


def _name(env: Any) -> str:
    spec = getattr(env, "spec", None)
    return spec.id if spec is not None else repr(env)
