"""Greedy evaluation, as results.json has it."""

from typing import Any

import numpy as np

from keras_cem import CEMAgent


def evaluation_of(
    agent: CEMAgent, env: str, episodes: int, **playing: Any
) -> dict[str, Any]:
    """Plays greedily and returns what results.json says of it.

    Args:
        agent: The agent.
        env: Id of an environment.
        episodes: How many episodes.
        **playing: Further arguments of `CEMAgent.collect`.
    """
    return describe(agent.collect(env, episodes, **playing).returns)


def describe(returns: np.ndarray) -> dict[str, Any]:
    """Returns what results.json says of an evaluation.

    Args:
        returns: float32 array, one an episode.
    """
    return {
        "episodes": len(returns),
        "episode_return_mean": float(returns.mean(dtype="float64")),
        "episode_return_std": float(returns.std(dtype="float64")),
        "episode_returns": returns.tolist(),
    }


def summary(evaluation: dict[str, Any]) -> str:
    """Returns an evaluation as a line for people."""
    return (
        f"Greedy return over {evaluation['episodes']} episodes: "
        f"{evaluation['episode_return_mean']:.2f} "
        f"+- {evaluation['episode_return_std']:.2f} "
        f"(least {min(evaluation['episode_returns']):.2f})"
    )
