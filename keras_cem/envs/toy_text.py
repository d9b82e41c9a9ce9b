"""Reads the tables of gymnasium's toy-text environments."""

import inspect
from typing import Any

from keras_cem.envs.base import unknown_parameter
from keras_cem.utils import gymnasium_internals


def read(env: Any, parameters: dict[str, Any]) -> dict[str, Any]:
    """Returns the arguments of `Tabular` that describe `env`.

    Args:
        env: A `gymnasium.Env` or an id.
        parameters: Passed to `gymnasium.make` with an id.

    Returns:
        Arguments of `Tabular`.

    Raises:
        ValueError: If `env` has no table `P`, the table does not describe it
            fully, or it does not take `parameters`.
    """
    if isinstance(env, str):
        env = _make(env, parameters)
    elif parameters:
        raise ValueError(
            "Parameters must be given with an id only, because an "
            f"environment already has its own. Received: {parameters}, "
            f"env={env!r}"
        )
    unwrapped = getattr(env, "unwrapped", env)
    spec = getattr(env, "spec", None)
    id = spec.id if spec is not None else type(unwrapped).__name__
    for name in (gymnasium_internals.TABLE, gymnasium_internals.STARTS):
        if not hasattr(unwrapped, name):
            raise ValueError(
                "`env` must be an environment with a transition table `P` "
                f"and an `initial_state_distrib`. Received: {id}, which has "
                f"no `{name}`"
            )
    if gymnasium_internals.has_fickle_passenger(unwrapped):
        raise ValueError(
            "`fickle_passenger` must be False, because the transition table "
            f"does not cover it. Received: {id} with fickle_passenger=True"
        )
    return {
        "id": id,
        "transitions": getattr(unwrapped, gymnasium_internals.TABLE),
        "initial_distribution": getattr(unwrapped, gymnasium_internals.STARTS),
        "max_episode_steps": getattr(spec, "max_episode_steps", None),
        "reward_threshold": getattr(spec, "reward_threshold", None),
    }


def _make(id: str, parameters: dict[str, Any]) -> Any:
    import gymnasium

    try:
        known = _parameters(gymnasium.spec(id))
    except gymnasium.error.Error as error:
        raise ValueError(
            "`id` must be registered in the installed gymnasium "
            f"{gymnasium.__version__}. Received: id={id!r}. {error}"
        ) from error
    for name, value in parameters.items():
        if name not in known:
            raise unknown_parameter(id, name, value, known)
    return gymnasium.make(id, disable_env_checker=True, **parameters)


def _parameters(spec: Any) -> list[str]:
    """Parameters of an environment's class, except `render_mode`."""
    from gymnasium.envs import registration

    creator = spec.entry_point
    if isinstance(creator, str):
        creator = registration.load_env_creator(creator)
    names = inspect.signature(creator).parameters
    return [name for name in names if name != "render_mode"]
