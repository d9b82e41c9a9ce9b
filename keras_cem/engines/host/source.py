"""Rollouts stepped from Python: K whole episodes of any gymnasium environment.

Trajectory k does not depend on the slot that plays it, nor on the number of
slots. It starts from its own reset seed, and its exploration draws random
numbers that are keyed by (trajectory, step). All K trajectories are played to
their end. Taking the first K that finish would favor short episodes.

So if an environment fails, the interrupted trajectory can be played again with
the same result.
"""

from collections.abc import Sequence
from typing import Protocol, TypeVar

import numpy as np

from keras_cem.engines.groups import check_starts
from keras_cem.engines.host.collection import Act, Collection
from keras_cem.engines.host.environment import HostEnvironment
from keras_cem.engines.host.step_storage import check_size, padded_steps
from keras_cem.engines.trajectories import STEP_BYTES, Trajectories
from keras_cem.engines.wanted import Wanted

Made_co = TypeVar("Made_co", covariant=True)


class PlaysOnHost(Protocol):
    """A player of this kind of source."""

    def play_on_host(
        self, source: "HostSource", wanted: Wanted
    ) -> Trajectories:
        """Returns the episodes that it plays."""


class CollectsThenSteps(Protocol[Made_co]):
    """Makes something for steps that learn from collected episodes."""

    def collect_then_step(self, source: "HostSource") -> Made_co:
        """Returns it for steps on episodes that are played before each step."""


class HostSource(HostEnvironment):
    """An environment on the host, ready to be played."""

    def collect(
        self,
        act: Act,
        seeds: Sequence[int],
        first: int = 0,
        *,
        skip_nonfinite: bool = False,
        clip: bool = False,
    ) -> Trajectories:
        """Plays one whole episode for each seed.

        Args:
            act: The policy.
            seeds: Reset seeds of the K trajectories.
            first: Number of the first trajectory, for `act`. Defaults to `0`.
            skip_nonfinite: Whether a nonfinite value ends its trajectory with a
                NaN or infinite return. If false, it raises. It also raises if
                no finite trajectory is left. Defaults to `False`.
            clip: Whether to clip actions to the action space for the
                environment. The returned actions are not clipped. Defaults to
                `False`.

        Returns:
            `Trajectories` of NumPy arrays, padded to the T steps of
            `step_storage.padded_steps`: `max_episode_steps`, unless that is
            very large.

        Raises:
            EpisodeError: If the environment fails more often than
                `max_env_restarts` allows. It fails if it raises, returns values
                that do not fit its spaces, or one of its processes ends or
                does not answer. Also if a value of the environment or of the
                policy's outputs is not finite. The message names the
                trajectory and the step.
            ValueError: If the machine cannot hold the played steps.
        """
        return Collection(self, act, seeds, first, skip_nonfinite, clip).run()

    def played_by(self, player: PlaysOnHost, wanted: Wanted) -> Trajectories:
        """Returns the episodes that a player plays, stepped from Python."""
        return player.play_on_host(self, wanted)

    @property
    def first_steps(self) -> int:
        """Steps to which trajectories are padded before any is longer."""
        return padded_steps(0, self.max_episode_steps)

    def check_size(self, batch_size: int) -> None:
        """Refuses a batch that the machine cannot hold, before playing it.

        Args:
            batch_size: K, the number of trajectories.

        Raises:
            ValueError: If even short episodes would need too much memory.
        """
        self._check_size(batch_size)

    def step_function(self, steps: CollectsThenSteps[Made_co]) -> Made_co:
        """Returns what `steps` makes for a source played from Python."""
        return steps.collect_then_step(self)

    def playable(self) -> "HostSource":
        """Returns the source itself, because it can be played."""
        return self

    def first_observations(self) -> list[np.ndarray] | None:
        """Resets the sub-environments and returns what they observe.

        Returns:
            One array `(N, ...)` per leaf of the observation space, or None if
            a reset fails. Playing then raises the error.
        """
        return self.slots.first_observations()

    def check_groups(
        self, episodes_per_start: int | None, episodes_per_policy: int | None
    ) -> None:
        """Refuses groups that it cannot play.

        Raises:
            ValueError: If a start cannot be shared.
        """
        del episodes_per_policy
        check_starts(
            episodes_per_start,
            self.name,
            seeded=self.seeded,
            partial_reset=self.slots.partial_reset,
        )

    def check_steps(self, batch_size: int) -> None:
        """Refuses a batch that the machine cannot hold with elite steps.

        Args:
            batch_size: K, the number of trajectories.

        Raises:
            ValueError: If even short episodes would need too much memory.
        """
        self._check_size(batch_size, STEP_BYTES)

    def _check_size(self, batch_size: int, added: int = 0) -> None:
        check_size(
            self.name,
            self.observation_space,
            self.action_space,
            batch_size,
            self.first_steps,
            self.max_episode_steps,
            added,
        )

    def counts(self) -> dict[str, int]:
        """What an epoch logs of the source: nothing."""
        return {}

    def close(self) -> None:
        """Closes the environments that were opened for this source."""
        self.slots.close()
