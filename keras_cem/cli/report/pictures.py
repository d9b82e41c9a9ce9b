"""Draws the pictures of a run folder."""

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
    """Draws the learning curve and, if they were recorded, the returns.

    Args:
        folder: The run.
        output: Folder to write the pictures to.
        config: The content of the run's config.json.

    Returns:
        Paths of the pictures.
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
    """Returns the return that counts as solved, None if the run has none."""
    value = config.get("stop_at")
    return None if value is None else float(value)


def has_map(agent: CEMAgent) -> bool:
    """Whether the agent's observations have two components to draw over."""
    space = agent.observation_space
    return can_be_drawn(agent) and getattr(space, "shape", None) == (2,)


def draw_map(
    agent: CEMAgent,
    played: Trajectories,
    folder: RunFolder,
    output: pathlib.Path,
    dimensions: Sequence[int] = (0, 1),
) -> pathlib.Path:
    """Draws a map of the policy.

    If `output` is the run's own folder, this also writes the maps over
    iterations for the report.

    Args:
        agent: The agent.
        played: Episodes of the agent; the map marks the states they visited.
        folder: The run of the agent.
        output: Folder to write the picture to.
        dimensions: Indices of the two components of the observation to draw.

    Returns:
        Path of the picture.
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
