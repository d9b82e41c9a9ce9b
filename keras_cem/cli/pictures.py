"""Draws what a run folder holds."""

import pathlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from keras_cem import CEMAgent, Trajectories, plots, spaces
from keras_cem.cli import run_returns
from keras_cem.cli.run_folder import RunFolder


def draw(
    folder: RunFolder, output: pathlib.Path, config: dict[str, Any]
) -> list[pathlib.Path]:
    """Draws the learning curve, and the returns if they were written down.

    Args:
        folder: A run.
        output: Folder to draw in.
        config: What its config.json says.

    Returns:
        The pictures.
    """
    threshold = stop_at(config)
    pictures = [output / folder.learning_curve.name]
    plots.learning_curve(
        folder.history,
        pictures[0],
        threshold,
        config["flags"].get("steps_per_epoch") or 1,
    )
    stages = run_returns.read_stages(folder.stages)
    evaluation = run_returns.read_evaluation(folder.results)
    if stages or evaluation:
        pictures.append(output / folder.returns.name)
        plots.returns(evaluation, pictures[-1], threshold, stages)
    return pictures


def stop_at(config: dict[str, Any]) -> float | None:
    """The return that counts as solved, if the run had one.

    Raises:
        ValueError: If config.json says something else.
    """
    value = config.get("stop_at")
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(
            "config.json must have a number or null as `stop_at`. "
            f"Received: {str(value)[:80]!r}"
        )
    return float(value)


def has_map(agent: CEMAgent) -> bool:
    """Whether what the agent sees has two dimensions, so that it is drawn."""
    space, actions = agent.observation_space, agent.action_space
    return (
        isinstance(space, spaces.Box)
        and space.shape == (2,)
        and isinstance(actions, spaces.Discrete | spaces.Box)
    )


def draw_map(
    agent: CEMAgent,
    played: Trajectories,
    filepath: pathlib.Path,
    dimensions: Sequence[int] = (0, 1),
) -> None:
    """Draws the policy.

    Args:
        agent: The agent.
        played: Episodes of it, of which the map shows where they went.
        filepath: PNG file to write.
        dimensions: Which two components of the observation.
    """
    visited = np.asarray(played.observations)[np.asarray(played.mask)]
    plots.policy_map(agent, visited, filepath, dimensions)
