"""Which episodes a player plays."""

from typing import NamedTuple

import numpy as np

from keras_cem import prng
from keras_cem.engines.groups import Groups


class Wanted(NamedTuple):
    """Which episodes to play, and how.

    Attributes:
        size: Number of episodes.
        stream: Random stream of the episodes, a constant of `prng`.
        epsilon: Amount of exploration; None acts greedily.
        seed: Seed of all random numbers.
        iteration: Number of the iteration.
        first: Number of the first episode.
        groups: Groups of trajectories.
    """

    size: int
    stream: int
    epsilon: float | None
    seed: int
    iteration: int
    first: int
    groups: Groups

    @property
    def reset_seeds(self) -> list[int]:
        """Reset seeds of the episodes, for the host engine."""
        per_start = self.groups.per_start
        begin, end = self.first // per_start, self.first + self.size
        starts = prng.reset_seeds(
            self.seed,
            self.stream,
            self.iteration,
            -(-end // per_start) - begin,
            begin,
        )
        seeds: list[int] = np.repeat(starts, per_start).tolist()
        begin = self.first - begin * per_start
        return seeds[begin : begin + self.size]

    def parts(self, size: int) -> list["Wanted"]:
        """Returns the episodes in parts of a size; the last may be smaller."""
        return [
            self._replace(
                first=self.first + begin, size=min(size, self.size - begin)
            )
            for begin in range(0, self.size, size)
        ]
