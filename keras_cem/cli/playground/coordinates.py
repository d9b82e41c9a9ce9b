"""Numbers of each step, two of which span the plane of the page."""

from typing import Any, NamedTuple

import numpy as np

from keras_cem import spaces
from keras_cem.cli.playground import grids
from keras_cem.engines.trajectories import Trajectories

# What the components of an observation are called, by the beginning of the id.
# The first two are shown at first.
_NAMES = {
    "CartPole": {
        2: "pole angle",
        3: "pole angular velocity",
        0: "cart position",
        1: "cart velocity",
    },
    "MountainCar": {0: "position", 1: "velocity"},
    "Pendulum": {0: "cos(theta)", 1: "sin(theta)", 2: "angular velocity"},
    "Acrobot": {
        1: "sin(theta1)",
        3: "sin(theta2)",
        0: "cos(theta1)",
        2: "cos(theta2)",
        4: "velocity, theta1",
        5: "velocity, theta2",
    },
    "LunarLander": {
        0: "x",
        1: "y",
        2: "velocity in x",
        3: "velocity in y",
        4: "angle",
        5: "angular velocity",
        6: "left leg on the ground",
        7: "right leg on the ground",
    },
}
# Larger observations, such as images, are not listed.
_MOST = 128


class Coordinates(NamedTuple):
    """Numbers of each step of K trajectories.

    Attributes:
        names: Name of each of the C numbers: the components of the observation,
            then `"step"` and `"return so far"`.
        num_components: How many of them are components of the observation.
        values: float32 `(K, T, C)`.
        grid: The grid whose column and row are the components, if it is one.
    """

    names: list[str]
    num_components: int
    values: np.ndarray
    grid: grids.Grid | None = None


def of(
    trajectories: Trajectories, space: spaces.Space, env_id: str
) -> Coordinates:
    """Returns the coordinates of trajectories.

    Args:
        trajectories: K trajectories of T steps.
        space: The observation space.
        env_id: Id of the environment.
    """
    size, steps = trajectories.mask.shape
    observations: Any = trajectories.observations
    if grid := grids.of(space, env_id):
        observations = grid.places(np.asarray(observations))
    # The leaves are in the order of the space.
    leaves = [
        np.reshape(leaf, (size, steps, -1)) for leaf in _leaves(observations)
    ]
    count = sum(leaf.shape[-1] for leaf in leaves)
    if count > _MOST:
        leaves, count = [], 0
    known = known_names(env_id)
    names = [
        known.get(number, f"observation {number}") for number in range(count)
    ]
    if grid:
        names = ["column", "row from below"]
    elif count == 1 and isinstance(space, spaces.Discrete):
        names = ["state"]
    step = np.broadcast_to(np.arange(steps), (size, steps))
    so_far = np.cumsum(np.where(trajectories.mask, trajectories.rewards, 0), 1)
    values = np.concatenate(
        [*leaves, step[..., None], so_far[..., None]], axis=-1
    )
    return Coordinates(
        [*names, "step", "return so far"],
        count,
        values.astype(np.float32),
        grid,
    )


def known_names(env_id: str) -> dict[int, str]:
    """Returns the names of components, those shown first at the beginning."""
    for beginning, names in _NAMES.items():
        if env_id.startswith(beginning):
            return names
    return {}


def first_axes(env_id: str, coordinates: Coordinates) -> tuple[int, int]:
    """Returns the two coordinates that are shown at first."""
    count = coordinates.num_components
    known = [each for each in known_names(env_id) if each < count]
    if len(known) >= 2:
        return known[0], known[1]
    if count >= 2:
        return 0, 1
    # The step, and the state or the return.
    return (1, 0) if count == 1 else (0, 1)


def _leaves(nest: object) -> list[np.ndarray]:
    if isinstance(nest, dict):
        return [leaf for part in nest.values() for leaf in _leaves(part)]
    if isinstance(nest, tuple | list):
        return [leaf for part in nest for leaf in _leaves(part)]
    return [np.asarray(nest)]
