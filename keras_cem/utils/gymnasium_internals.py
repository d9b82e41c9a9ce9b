"""The only module that uses private or undocumented names of gymnasium.

It does not import gymnasium.
"""

from typing import Any

from keras_cem.utils import private_names

# Each name, with the version in which it was seen.
NAMES = {
    "TimeLimit._max_episode_steps": "1.4.0",
    "AsyncVectorEnv.parent_pipes": "1.4.0",
    "AsyncVectorEnv.processes": "1.4.0",
    "SyncVectorEnv.env_fns": "1.4.0",
    "SyncVectorEnv.envs": "1.4.0",
    "FrozenLakeEnv.P": "1.4.0",
    "FrozenLakeEnv.initial_state_distrib": "1.4.0",
    "TaxiEnv.fickle_passenger": "1.4.0",
}
# Attributes of a toy-text environment: its table and its start distribution.
TABLE, STARTS = "P", "initial_state_distrib"


def time_limit(wrapper: Any) -> int:
    """Returns the number of steps after which a `TimeLimit` truncates.

    Args:
        wrapper: A `gymnasium.wrappers.TimeLimit`.
    """
    spec = wrapper.get_wrapper_attr("spec")
    if spec is not None:
        limit = spec.max_episode_steps
    else:
        # The environment was not made by `gymnasium.make`.
        limit = _read(wrapper, "TimeLimit._max_episode_steps")
    return int(limit)


def pipes(env: Any) -> list[Any]:
    """Returns one pipe per worker, None for a worker that has raised.

    Args:
        env: A `gymnasium.vector.AsyncVectorEnv`.
    """
    return list(_read(env, "AsyncVectorEnv.parent_pipes"))


def processes(env: Any) -> list[Any]:
    """Returns the processes of the workers.

    Args:
        env: A `gymnasium.vector.AsyncVectorEnv`.
    """
    return list(_read(env, "AsyncVectorEnv.processes"))


def started_workers(env: Any) -> tuple[list[Any], list[Any]]:
    """Returns the processes that were started and the pipes still in use.

    Args:
        env: A `gymnasium.vector.AsyncVectorEnv`. Its constructor may have
            failed.
    """
    started = getattr(env, "processes", [])
    used = getattr(env, "parent_pipes", [])
    return (
        [process for process in started if process.pid is not None],
        [pipe for pipe in used if pipe is not None],
    )


def sub_envs(env: Any) -> list[Any]:
    """Returns the sub-environments.

    Args:
        env: A `gymnasium.vector.SyncVectorEnv`.
    """
    return list(_read(env, "SyncVectorEnv.envs"))


def makers(env: Any) -> list[Any]:
    """Returns the function that made each sub-environment.

    Args:
        env: A `gymnasium.vector.SyncVectorEnv`.
    """
    return list(_read(env, "SyncVectorEnv.env_fns"))


def has_fickle_passenger(env: Any) -> bool:
    """Whether a toy-text environment has randomness outside of its table.

    Args:
        env: The innermost environment.
    """
    return bool(getattr(env, "fickle_passenger", False))


def _read(owner: Any, name: str) -> Any:
    return private_names.read(owner, name, "gymnasium", NAMES)
