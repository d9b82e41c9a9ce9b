"""Environments whose rewards training sees clipped."""

import dataclasses
from typing import Any

import gymnasium
from absl import flags
from gymnasium.wrappers import ClipReward

from keras_cem.adapters.gymnasium import make_env


@dataclasses.dataclass(frozen=True)
class ClippedRewards:
    """Makes an environment with rewards within bounds.

    Attributes:
        env: Id of the environment.
        min_reward: The least reward; None if there is none.
        max_reward: The largest reward; None if there is none.
    """

    env: str
    min_reward: float | None
    max_reward: float | None

    def __call__(self) -> gymnasium.Env:
        """Makes a new one."""
        return ClipReward(make_env(self.env), self.min_reward, self.max_reward)


def training_env(values: flags.FlagValues) -> Any:
    """What training plays, as `fit` takes it; greedy episodes play --env.

    Args:
        values: The flags.

    Raises:
        ValueError: If no reward is within the bounds, or they are asked of the
            environment's in-graph version.
    """
    least, most = values.min_reward, values.max_reward
    if least is None and most is None:
        return values.env
    bounds = f"--min_reward={least}, --max_reward={most}"
    if least is not None and most is not None and least > most:
        raise ValueError(
            f"--min_reward must be at most --max_reward. Received: {bounds}"
        )
    if values.engine == "graph":
        raise ValueError(
            "--engine must be auto or host with clipped rewards, which "
            f"gymnasium's wrapper clips. Received: --engine=graph, {bounds}"
        )
    return ClippedRewards(values.env, least, most)
