"""Trajectories that are read from recorded episodes."""

from collections.abc import Iterable
from typing import Any, NoReturn, Protocol, TypeVar

import numpy as np

from keras_cem import prng, spaces
from keras_cem.engines.recorded import episodes
from keras_cem.engines.trajectories import Trajectories
from keras_cem.utils import checks


class RecordedTrajectories(Trajectories):
    """Trajectories read from recorded episodes, without environment steps."""

    __slots__ = ()

    @property
    def counts_env_steps(self) -> bool:
        """False: nothing was played."""
        return False


Made_co = TypeVar("Made_co", covariant=True)


class ReadsThenSteps(Protocol[Made_co]):
    """Makes something for steps that read recorded episodes."""

    def read_then_step(self, source: "RecordedSource") -> Made_co:
        """Returns it for steps on episodes that are read before each step."""


class RecordedSource:
    """Recorded episodes; each iteration reads K of them.

    Args:
        name: Name for error messages.
        recorded: The episodes.
        size: Number of episodes.
        observation_space: The recorded observation space, or None if it was
            not recorded.
        action_space: The recorded action space, or None.

    Attributes:
        name: As given.
        observation_space: As given.
        action_space: As given.
        batch_size: K, the number of episodes per iteration; set by `load`.
        num_env_restarts: 0, because nothing is played.
    """

    batch_size: int
    num_env_restarts = 0

    def __init__(
        self,
        name: str,
        recorded: Iterable[Any],
        size: int,
        observation_space: spaces.Space | None = None,
        action_space: spaces.Space | None = None,
    ):
        self.name = name
        self.observation_space = observation_space
        self.action_space = action_space
        self._recorded = recorded
        self._num_episodes = size

    def choose_batch_size(self, wanted: int | None, default: int) -> int:
        """Returns the number of episodes per iteration.

        Args:
            wanted: The user's choice, or None.
            default: Used without a choice, or all episodes if they are fewer.

        Raises:
            ValueError: If it is less than 2 or exceeds the number of episodes.
        """
        size = min(default, self._num_episodes) if wanted is None else wanted
        if size < 2 or size > self._num_episodes:
            raise ValueError(
                "`batch_size` must be at least 2 and at most the number of "
                f"recorded episodes, {self._num_episodes}. Received: "
                f"batch_size={wanted}"
            )
        return size

    def load(
        self,
        observation_space: spaces.Space,
        action_space: spaces.Space,
        batch_size: int,
    ) -> None:
        """Reads all episodes and checks that they fit the spaces.

        Args:
            observation_space: Space of one observation.
            action_space: Space of one action.
            batch_size: K, the number of episodes per iteration.

        Raises:
            ValueError: If an episode does not fit.
        """
        self._observation_space = observation_space
        self._action_space = action_space
        self._episodes = episodes.read(
            self._recorded, observation_space, action_space
        )
        self.batch_size = batch_size
        lengths = self._episodes.lengths
        self._begins = np.cumsum(lengths) - lengths
        self._steps = np.arange(lengths.max())

    @property
    def max_episode_steps(self) -> int:
        """Number of steps of the longest episode, available after `load`."""
        return len(self._steps)

    @property
    def first_steps(self) -> int:
        """Steps to which trajectories are padded: always to the longest."""
        return self.max_episode_steps

    def read(self, seed: int, iteration: int) -> RecordedTrajectories:
        """Returns the K episodes of one iteration.

        Each pass over all episodes shuffles them and splits them into batches
        of K. An incomplete last batch is dropped.

        Args:
            seed: The agent's seed.
            iteration: Number of the iteration that learns from them.

        Returns:
            Trajectories of NumPy arrays, padded to the longest episode.
        """
        size, lengths = self.batch_size, self._episodes.lengths
        number, batch = divmod(iteration, len(lengths) // size)
        generator = np.random.default_rng([seed, prng.RECORDED, number])
        order = generator.permutation(len(lengths))
        chosen = order[batch * size : (batch + 1) * size]
        lengths = lengths[chosen, None]
        # Padding repeats the last step. Its values have no meaning.
        rows = self._begins[chosen, None] + np.minimum(self._steps, lengths - 1)
        mask = self._steps < lengths
        return RecordedTrajectories(
            observations=self._observation_space.pack(
                [leaf[rows] for leaf in self._episodes.observations]
            ),
            actions=self._action_space.pack(
                [leaf[rows] for leaf in self._episodes.actions]
            ),
            rewards=np.where(mask, self._episodes.rewards[rows], 0.0).astype(
                np.float32
            ),
            mask=mask,
            terminated=self._episodes.terminated[chosen],
            final_observations=self._observation_space.pack(
                [leaf[chosen] for leaf in self._episodes.final_observations]
            ),
        )

    def check_size(self, batch_size: int) -> None:
        """Nothing to refuse: the episodes are in memory.

        Args:
            batch_size: K, the number of episodes per iteration.
        """

    def check_steps(self, batch_size: int) -> None:
        """Refuses episodes of which a critic cannot value the end.

        Args:
            batch_size: K, the number of episodes per iteration.

        Raises:
            ValueError: If the value after the last step of an episode is
                unknown: it was truncated, and its observations end before the
                last action.
        """
        del batch_size
        known = self._episodes.terminated | self._episodes.final_known
        if not known.all():
            number = int(np.argmin(known))
            raise ValueError(
                "A truncated episode must include the observation after its "
                "last action for elite_unit='step': one observation more "
                f"than rewards. Received: {self.name}, episode {number} with "
                f"{self._episodes.lengths[number]} observations. Add it, or "
                "set `terminated` if the episode ended there."
            )

    def step_function(self, steps: ReadsThenSteps[Made_co]) -> Made_co:
        """Returns what `steps` makes for a source that is read."""
        return steps.read_then_step(self)

    def playable(self) -> NoReturn:
        """Refuses to be played.

        Raises:
            ValueError: Always.
        """
        raise ValueError(
            "Recorded episodes cannot be played; they can only be the `x` of "
            f"`fit`. Received: {self.name}. Pass an environment."
        )

    def first_observations(self) -> None:
        """None: it has no first observations without reading all episodes."""

    def check_groups(
        self, episodes_per_start: int | None, episodes_per_policy: int | None
    ) -> None:
        """Refuses groups: the episodes are what they are.

        Raises:
            ValueError: If one is given.
        """
        checks.only_for(
            "an environment",
            episodes_per_start=episodes_per_start,
            episodes_per_policy=episodes_per_policy,
        )

    def counts(self) -> dict[str, int]:
        """What an epoch logs of the source: nothing."""
        return {}

    def close(self) -> None:
        """Does nothing: no resource is open."""


def is_recorded(x: object) -> bool:
    """Whether `x` holds recorded episodes.

    Recorded episodes are a list or a tuple of episodes, which may be empty, a
    `minari.MinariDataset`, or an id that starts with `minari:`.
    """
    if isinstance(x, str):
        return x.startswith(MINARI_PREFIX)
    if type(x) is list or type(x) is tuple:
        return not x or episodes.is_episode(x[0])
    return is_minari_dataset(x)


MINARI_PREFIX = "minari:"


def is_minari_dataset(x: object) -> bool:
    """Whether `x` is a `minari.MinariDataset`; does not import Minari."""
    return any(
        kind.__name__ == "MinariDataset"
        and kind.__module__.startswith("minari")
        for kind in type(x).__mro__
    )
