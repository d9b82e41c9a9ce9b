"""Spaces of vector environments that do not follow gymnasium completely.

The base class `gymnasium.vector.VectorEnv` sets no spaces, so a subclass may
lack `single_observation_space` and `single_action_space`. SuperSuit's
`ConcatVecEnv` lacks them: its `observation_space` is the space of one
sub-environment.
"""

from typing import Any

import gymnasium
import numpy as np

from keras_cem import spaces
from keras_cem.engines.host.gymnasium_results import reset_observation
from keras_cem.utils import checks

_SINGLE = ("single_observation_space", "single_action_space")


def single_spaces(env: Any) -> tuple[Any, Any]:
    """Returns the spaces of one sub-environment.

    If `env` lacks them, this function resets it once. If `reset` returns one
    observation of `observation_space` per sub-environment, then
    `observation_space` and `action_space` belong to one sub-environment.

    Args:
        env: A `gymnasium.vector.VectorEnv`.

    Returns:
        The observation space and the action space.

    Raises:
        ValueError: If `env` lacks the spaces and `reset` does not show them.
    """
    given = [_space(env, name) for name in _SINGLE]
    named = zip(_SINGLE, given, strict=True)
    missing = [name for name, space in named if space is None]
    if not missing:
        return given[0], given[1]
    num_envs = getattr(env, "num_envs", None)
    observation_space = _space(env, "observation_space")
    action_space = _space(env, "action_space")
    if (
        not checks.is_integer(num_envs)
        or observation_space is None
        or action_space is None
        or not _rows(env, observation_space, num_envs)
    ):
        raise ValueError(
            "A `VectorEnv` must have `num_envs`, `single_observation_space` "
            f"and `single_action_space`. Received: {env!r}, without "
            f"{', '.join(missing)}, num_envs={num_envs!r}, observation_space="
            f"{observation_space!r}. Set the spaces of one sub-environment, "
            "for example env.single_action_space = "
            "gymnasium.spaces.Discrete(2)."
        )
    return (
        observation_space if given[0] is None else given[0],
        action_space if given[1] is None else given[1],
    )


def autoreset_mode(env: Any) -> Any:
    """Returns the autoreset mode in the metadata of `env`, None if not given.

    Args:
        env: A `gymnasium.vector.VectorEnv`.

    Raises:
        ValueError: If the metadata has an invalid mode.
    """
    mode = (getattr(env, "metadata", None) or {}).get("autoreset_mode")
    if mode is None or isinstance(mode, gymnasium.vector.AutoresetMode):
        return mode
    try:
        return gymnasium.vector.AutoresetMode(mode)
    except ValueError as error:
        raise ValueError(
            '`metadata["autoreset_mode"]` of a `VectorEnv` must be a '
            "`gymnasium.vector.AutoresetMode`. Received: "
            f"autoreset_mode={mode!r} of {env!r}"
        ) from error


def _space(env: Any, name: str) -> Any:
    space = getattr(env, name, None)
    return space if isinstance(space, gymnasium.Space) else None


def _rows(env: Any, space: Any, num_envs: int) -> bool:
    """Whether `reset` returns `num_envs` rows of observations of `space`."""
    described = spaces.get(space, "observation_space")
    observations = reset_observation(env.reset(seed=0))
    try:
        leaves = described.flatten(observations)
    except (KeyError, TypeError, ValueError):
        return False
    shapes = [(num_envs, *leaf.shape) for leaf in described.leaves]
    return [np.shape(leaf) for leaf in leaves] == shapes
