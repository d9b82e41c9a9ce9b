"""Draws what a run folder holds."""

import pathlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from keras_cem import CEMAgent, Trajectories
from keras_cem.cli.report import policy_maps
from keras_cem.cli.run import provenance
from keras_cem.cli.run import results as run_results
from keras_cem.cli.run.folder import RunFolder, write_json
from keras_cem.pictures import plots, policy_snapshots
from keras_cem.pictures.policy_slice import PolicySlice, can_be_drawn


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
    stages = run_results.read_stages(folder.stages)
    pictures = [output / folder.learning_curve.name]
    plots.learning_curve(
        folder.history,
        pictures[0],
        threshold,
        config["flags"].get("steps_per_epoch") or 1,
        stages,
    )
    evaluation = run_results.read_evaluation(folder.results)
    if stages or evaluation:
        pictures.append(output / folder.returns.name)
        plots.returns(evaluation, pictures[-1], threshold, stages)
    return pictures


def stop_at(config: dict[str, Any]) -> float | None:
    """The return that counts as solved, if the run had one."""
    value = config.get("stop_at")
    return None if value is None else float(value)


def has_map(agent: CEMAgent) -> bool:
    """Whether what the agent sees has two dimensions, so that it is drawn."""
    space = agent.observation_space
    return can_be_drawn(agent) and getattr(space, "shape", None) == (2,)


def draw_map(
    agent: CEMAgent,
    played: Trajectories,
    folder: RunFolder,
    output: pathlib.Path,
    dimensions: Sequence[int] = (0, 1),
) -> pathlib.Path:
    """Draws the policy; if in the run's own folder, for its report as well.

    Args:
        agent: The agent.
        played: Episodes of it, of which the map shows where they went.
        folder: Its run.
        output: Folder to draw in.
        dimensions: Which two components of the observation.

    Returns:
        The picture.
    """
    visited = np.asarray(played.observations)[np.asarray(played.mask)]
    picture = output / folder.policy_map.name
    plots.policy_map(agent, visited, picture, dimensions)
    if output != folder.path:
        return picture
    made = [picture]
    if folder.policies.exists():
        maps = policy_maps.make(
            PolicySlice.around(agent, visited, dimensions),
            policy_snapshots.read(folder.policies),
        )
        write_json(folder.policy_maps, maps, indent=None)
        made.append(folder.policy_maps)
    provenance.note(folder, *made)
    return picture
