"""Writing and reading the returns of a run.

The files may be untrusted.
"""

import math
import pathlib
from typing import Any, Unpack

import numpy as np

from keras_cem import CEMAgent
from keras_cem.cli.run.environment import Playable
from keras_cem.cli.run.json_files import count, finite, read
from keras_cem.engines.playing import Playing


def read_stages(path: pathlib.Path) -> list[dict[str, Any]]:
    """Reads the stages that `callbacks.ReturnsLogger` wrote.

    Args:
        path: The file.

    Returns:
        The stages; empty if there is no such file.

    Raises:
        ValueError: If the file does not hold such stages.
    """
    return read(path, lambda content: [*map(_stage, content["stages"])], [])


def read_evaluation(path: pathlib.Path) -> list[float]:
    """Reads the episode returns of the final evaluation from results.json.

    Args:
        path: The file.

    Returns:
        The finite returns; empty if there is no such file.

    Raises:
        ValueError: If the file is damaged.
    """
    return read_results(path).get("episode_returns", [])


def read_results(path: pathlib.Path) -> dict[str, Any]:
    """Reads results.json.

    Args:
        path: The file.

    Returns:
        The content, with only the finite `episode_returns`; empty if there is
        no such file.

    Raises:
        ValueError: If the file is damaged.
    """

    def parse(content: Any) -> dict[str, Any]:
        # With `on_nonfinite="skip"`, some returns may not be finite.
        numbers = [
            finite(value)
            for value in content["episode_returns"]
            if not (isinstance(value, float) and not math.isfinite(value))
        ]
        return {**content, "episode_returns": numbers}

    return read(path, parse, {})


def _stage(stage: Any) -> dict[str, Any]:
    threshold = stage["elite_threshold"]
    returns = [finite(value) for value in stage["returns"]]
    if not returns:
        raise ValueError("a stage without returns")
    return {
        "iteration": count(stage["iteration"]),
        "env_steps": count(stage["env_steps"]),
        "elite_threshold": None if threshold is None else finite(threshold),
        "returns": returns,
    }


def evaluation_of(
    agent: CEMAgent,
    env: Playable,
    episodes: int,
    *,
    seed: int | None,
    **playing: Unpack[Playing],
) -> dict[str, Any]:
    """Plays greedily and returns the evaluation for results.json.

    Args:
        agent: The agent.
        env: The environment.
        episodes: Number of episodes.
        seed: As in `CEMAgent.collect`.
        **playing: How to play, as in `CEMAgent.fit`.
    """
    return describe(agent.collect(env, episodes, seed=seed, **playing).returns)


def describe(returns: np.ndarray) -> dict[str, Any]:
    """Returns an evaluation as results.json stores it.

    Args:
        returns: float32 array, one return per episode.
    """
    return {
        "episodes": len(returns),
        "episode_return_mean": float(returns.mean(dtype="float64")),
        "episode_return_std": float(returns.std(dtype="float64")),
        "episode_returns": returns.tolist(),
    }


def summary(evaluation: dict[str, Any]) -> str:
    """Returns a one-line summary of an evaluation."""
    return (
        f"Greedy return over {evaluation['episodes']} episodes: "
        f"{evaluation['episode_return_mean']:.2f} +- "
        f"{evaluation['episode_return_std']:.2f} (minimum "
        f"{min(evaluation['episode_returns']):.2f})"
    )
