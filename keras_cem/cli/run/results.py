"""Returns of a run: how they are written down, and read again.

The files may be a stranger's.
"""

import math
import pathlib
from typing import Any

import numpy as np

from keras_cem import CEMAgent
from keras_cem.cli.run.json_files import count, finite, read


def read_stages(path: pathlib.Path) -> list[dict[str, Any]]:
    """Returns stages as `callbacks.ReturnsLogger` wrote them.

    Args:
        path: The file; if it is not there, there are none.

    Raises:
        ValueError: If it is another file.
    """
    return read(path, lambda content: [*map(_stage, content["stages"])], [])


def read_evaluation(path: pathlib.Path) -> list[float]:
    """Returns the returns of the final evaluation, as results.json has them.

    Args:
        path: The file; if it is not there, there are none.

    Raises:
        ValueError: If it is another file.
    """
    return read_results(path).get("episode_returns", [])


def read_results(path: pathlib.Path) -> dict[str, Any]:
    """Returns what results.json says; of `episode_returns`, what is finite.

    Args:
        path: The file; if it is not there, nothing is said.

    Raises:
        ValueError: If it is another file.
    """

    def parse(content: Any) -> dict[str, Any]:
        # With `on_nonfinite="skip"` there may be others among them.
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
