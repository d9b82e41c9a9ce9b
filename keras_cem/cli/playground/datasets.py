"""The data sets of TensorFlow's playground: points of a plane."""

import dataclasses
import math
from collections.abc import Callable

import numpy as np

# The playground's plane: both coordinates in [-6, 6].
EXTENT = 6.0

# Points `(num_points, 2)` and targets.
Drawn = tuple[np.ndarray, np.ndarray]


@dataclasses.dataclass(frozen=True)
class Dataset:
    """Points of the plane, each with a target.

    Attributes:
        name: A key of `DATASETS`.
        points: float32 array of shape `(num_points, 2)`.
        targets: int array of shape `(num_points,)` with class 0 or 1, or
            float array of that shape with values in [-1, 1].
    """

    name: str
    points: np.ndarray
    targets: np.ndarray

    @property
    def is_regression(self) -> bool:
        """Whether the targets are values and not classes."""
        return bool(np.issubdtype(self.targets.dtype, np.floating))


def circle(size: int, noise: float, rng: np.random.Generator) -> Drawn:
    """Class 1 inside a disc, class 0 in a ring around it."""
    classes = np.arange(size) % 2
    radius = np.where(
        classes == 1, rng.uniform(0.0, 2.5, size), rng.uniform(3.5, 5.0, size)
    )
    angle = rng.uniform(0.0, 2 * math.pi, size)
    points = radius[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    return points + rng.normal(0.0, noise, points.shape), classes


def exclusive_or(size: int, noise: float, rng: np.random.Generator) -> Drawn:
    """Class 1 where both coordinates have the same sign."""
    points = rng.uniform(-5.0, 5.0, (size, 2))
    classes = (points[:, 0] * points[:, 1] > 0).astype(int)
    points += 0.3 * np.sign(points)  # a gap along the axes
    return points + rng.normal(0.0, noise, points.shape), classes


def spiral(size: int, noise: float, rng: np.random.Generator) -> Drawn:
    """Two arms of almost two turns, one per class."""
    classes = np.arange(size) % 2
    along = np.sqrt(rng.uniform(0.0, 1.0, size))  # even along the arm
    radius = 5.0 * along
    angle = 1.75 * 2 * math.pi * along + math.pi * classes
    points = radius[:, None] * np.stack([np.sin(angle), np.cos(angle)], axis=1)
    return points + rng.normal(0.0, noise, points.shape), classes


def plane(size: int, noise: float, rng: np.random.Generator) -> Drawn:
    """The value rises along the diagonal, from -1 to 1."""
    points = rng.uniform(-EXTENT, EXTENT, (size, 2))
    values = points.sum(axis=1) / (2 * EXTENT)
    return points, values + rng.normal(0.0, noise / EXTENT, size)


def gaussian(size: int, noise: float, rng: np.random.Generator) -> Drawn:
    """Cones of height 1 and -1 and radius 2, in two rows of three."""
    points = rng.uniform(-EXTENT, EXTENT, (size, 2))
    values = np.zeros(size)
    for x, y, height in (
        (-4.0, 2.5, 1), (0.0, 2.5, -1), (4.0, 2.5, 1),
        (-4.0, -2.5, -1), (0.0, -2.5, 1), (4.0, -2.5, -1),
    ):  # fmt: skip
        distance = np.hypot(points[:, 0] - x, points[:, 1] - y)
        values += height * np.clip(1.0 - distance / 2.0, 0.0, 1.0)
    return points, values + rng.normal(0.0, noise / EXTENT, size)


DATASETS: dict[str, Callable[[int, float, np.random.Generator], Drawn]] = {
    "circle": circle,
    "xor": exclusive_or,
    "spiral": spiral,
    "plane": plane,
    "gaussian": gaussian,
}


def make_dataset(name: str, size: int, noise: float, seed: int) -> Dataset:
    """Draws the points of a data set.

    Args:
        name: A key of `DATASETS`.
        size: Number of points.
        noise: Standard deviation of the points.
        seed: Seed.

    Raises:
        ValueError: If there is no such data set.
    """
    if name not in DATASETS:
        raise ValueError(
            f"`datasets` must be from {', '.join(DATASETS)}. Received: "
            f"datasets={name!r}."
        )
    points, targets = DATASETS[name](size, noise, np.random.default_rng(seed))
    return Dataset(name, points.astype("float32"), targets)
