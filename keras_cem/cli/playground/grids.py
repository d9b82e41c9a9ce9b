"""Environments whose observation is a place on a grid, as a number."""

import dataclasses
import math
from collections.abc import Sequence

import numpy as np

from keras_cem import spaces

Range = tuple[float, float]

# The number is (row * columns + column) * rest + what else is observed, in Taxi
# the passenger and the destination.
_GRIDS = {"CliffWalking": (4, 12, 1), "Taxi": (5, 5, 20)}


@dataclasses.dataclass(frozen=True)
class Grid:
    """A grid of places.

    Attributes:
        rows: Number of rows.
        columns: Number of columns.
        rest: Number of states of each place.
    """

    rows: int
    columns: int
    rest: int

    @property
    def ranges(self) -> tuple[Range, Range]:
        """Ends of the columns, and of the rows from below."""
        return (-0.5, self.columns - 0.5), (-0.5, self.rows - 0.5)

    def places(self, states: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Returns columns, and rows from below, of integer states."""
        rows, columns = np.divmod(states // self.rest, self.columns)
        return columns, self.rows - 1 - rows

    def states(
        self, columns: np.ndarray, rows: np.ndarray, rest: int
    ) -> np.ndarray:
        """Returns integer states; inverse of `places`."""
        from_above = self.rows - 1 - rows
        return (from_above * self.columns + columns) * self.rest + rest


@dataclasses.dataclass(frozen=True)
class GridSlice:
    """The places of a grid, like a `PolicySlice`.

    Attributes:
        grid: The grid.
        axes: 0 for the column and 1 for the row, in the order x, y.
        rest: What is observed besides the place.
    """

    grid: Grid
    axes: Sequence[int]
    rest: int

    @classmethod
    def of_most(
        cls, grid: Grid, visited: np.ndarray, axes: Sequence[int]
    ) -> "GridSlice":
        """Returns the slice with what was observed most often.

        Args:
            grid: The grid.
            visited: int array `(N,)`, states of episodes.
            axes: As in the attributes.
        """
        counts = np.bincount(visited.astype(np.int64) % grid.rest)
        return cls(grid, axes, int(counts.argmax()))

    def observations(self, resolution: int) -> np.ndarray:
        """Returns the states of the slice, int64 `(R * R,)`, by rows of y."""
        middles = (np.arange(resolution) + 0.5) / resolution
        sizes = (self.grid.columns, self.grid.rows)
        x, y = ((middles * sizes[a]).astype(np.int64) for a in self.axes)
        places = [np.tile(x, resolution), np.repeat(y, resolution)]
        columns, rows = places if self.axes[0] == 0 else places[::-1]
        return self.grid.states(columns, rows, self.rest)


def of(space: spaces.Space, env_id: str) -> Grid | None:
    """Returns the grid of an environment, None if it has none.

    Args:
        space: The observation space.
        env_id: Id of the environment.
    """
    if not isinstance(space, spaces.Discrete):
        return None
    if env_id.startswith("FrozenLake"):
        side = math.isqrt(int(space.n))
        found = Grid(side, side, 1)
    else:
        sizes = [
            size for name, size in _GRIDS.items() if env_id.startswith(name)
        ]
        if not sizes:
            return None
        found = Grid(*sizes[0])
    # An environment of the same name may be another one.
    whole = found.rows * found.columns * found.rest == space.n
    return found if whole else None
