"""An environment that workers play, in chunks of an iteration's episodes.

Returns and lengths come first. Then only the steps that are needed are
fetched. What workers play depends on keys of chunk and iteration alone, so a
lost chunk is played again with the same result.
"""

from collections.abc import Callable
from typing import NoReturn, Protocol, TypeVar

import numpy as np
import tensorflow as tf

from keras_cem import spaces
from keras_cem.engines.graph.source import GraphSource
from keras_cem.engines.host.environment import EpisodeError
from keras_cem.engines.host.source import HostSource
from keras_cem.engines.host.step_storage import padded_steps
from keras_cem.engines.policies import ActingAgent
from keras_cem.engines.remote.chunks import Job
from keras_cem.engines.remote.messages import (
    Call,
    Report,
    Steps,
    nbytes,
    no_steps,
    trajectories_of,
)
from keras_cem.engines.remote.requests import Requests
from keras_cem.engines.remote.session import (
    Outcome,
    Session,
    Traffic,
    outcome_of,
)
from keras_cem.engines.trajectories import Trajectories
from keras_cem.engines.wanted import Wanted
from keras_cem.networks import moments

Made_co = TypeVar("Made_co", covariant=True)

# Sources that are played in their own process.
Local = HostSource | GraphSource


class FetchesThenSteps(Protocol[Made_co]):
    """Makes something for steps that learn from what workers play."""

    def fetch_then_step(self, source: "RemoteSource") -> Made_co:
        """Returns it for steps on episodes that are played before each step."""


class PlaysRemotely(Protocol):
    """A player of this kind of source."""

    def play_remotely(
        self, source: "RemoteSource", wanted: Wanted
    ) -> Trajectories:
        """Returns the episodes that workers play."""


class RemoteSource:
    """An environment that workers play.

    Args:
        local: The environment as opened in this process. It is not played,
            except for a few steps that check the workers.
        chunk_size: Number of episodes per chunk.
        connect: Function of the agent, and of the first episodes that are
            wanted. It returns the workers' session.

    Attributes:
        num_env_restarts: Number of restarts of sub-environments, in all
            workers.
        traffic: What workers have sent.
    """

    def __init__(
        self,
        local: Local,
        chunk_size: int,
        connect: Callable[[ActingAgent, Wanted], Session],
    ):
        self._local = local
        self._chunk_size = chunk_size
        self._requests = Requests(connect)
        self.num_env_restarts = 0
        self.traffic = Traffic()

    @property
    def graph(self) -> GraphSource | None:
        """The in-graph environment that workers play, if it is one."""
        return self._local if isinstance(self._local, GraphSource) else None

    @property
    def name(self) -> str:
        """Name of the environment for error messages."""
        return self._local.name

    @property
    def observation_space(self) -> spaces.Space:
        """Space of one observation."""
        return self._local.observation_space

    @property
    def action_space(self) -> spaces.Space:
        """Space of one action."""
        return self._local.action_space

    @property
    def max_episode_steps(self) -> int:
        """T. Every episode is truncated after T steps."""
        return self._local.max_episode_steps

    @property
    def first_steps(self) -> int:
        """Steps to which trajectories are padded before any is longer."""
        return self._local.first_steps

    def counts(self) -> dict[str, int]:
        """What an epoch logs: workers that take calls, chunks played again."""
        return {
            "workers": self._requests.num_workers,
            "chunks_replayed": self._requests.num_replayed,
        }

    @property
    def sends_moments(self) -> bool:
        """Whether workers can compute the moments that this process would.

        Each group of trajectories must be in one chunk, and padded equally.
        """
        whole = self._chunk_size % moments.GROUP_SIZE == 0
        return whole and self.first_steps == self.max_episode_steps

    def padded(self, longest: int) -> int:
        """Returns T, to which trajectories are padded.

        Args:
            longest: Number of steps of the longest trajectory.
        """
        limit = self.max_episode_steps
        fixed = self.first_steps == limit
        return limit if fixed else padded_steps(longest, limit)

    def play(
        self,
        agent: ActingAgent,
        wanted: Wanted,
        *,
        discount: float = 1.0,
        with_moments: bool = False,
        states: bool = False,
        jit_compile: bool = False,
        whole: bool = False,
    ) -> Outcome:
        """Lets workers play whole episodes.

        Args:
            agent: The agent, whose weights they get.
            wanted: Which episodes.
            discount: Discount of the returns that rank. Defaults to `1.0`.
            with_moments: Whether to report moments of the observations.
                Defaults to `False`.
            states: Whether steps learn from them in the graph. Defaults to
                `False`.
            jit_compile: Whether XLA compiles what plays them then. Defaults to
                `False`.
            whole: Whether rewards are needed as well then. Defaults to `False`.

        Raises:
            EpisodeError: If an episode could not be played, or no trajectory is
                finite.
            RuntimeError: If too many workers were lost.
        """
        connected = self._requests.connected
        request = self._requests.begin(agent, wanted)
        if not connected:
            self._local.close()
        calls = [
            Call(
                request,
                part,
                discount,
                with_moments,
                whole=whole,
                states=states,
                jit_compile=jit_compile,
            )
            for part in wanted.parts(self._chunk_size)
        ]
        done = self._requests.run(
            [Job(number, call) for number, call in enumerate(calls)]
        )
        reports: list[Report] = [each.result for each in done]
        faults = [each.fault for each in reports]
        if None not in faults:
            raise EpisodeError(faults[0])
        self.num_env_restarts += sum(each.num_env_restarts for each in reports)
        self.traffic.report_bytes += sum(nbytes(each) for each in reports)
        return outcome_of(reports, calls, [each.worker for each in done])

    def fetch(
        self, outcome: Outcome, rows: np.ndarray, *, whole: bool = False
    ) -> Steps:
        """Returns the steps of some trajectories, in their order.

        Args:
            outcome: What `play` returned last.
            rows: Numbers of the trajectories, ascending.
            whole: Whether to fetch rewards and last observations too. Defaults
                to `False`.
        """
        jobs = []
        for number, call in enumerate(outcome.calls):
            begin = call.wanted.first - outcome.calls[0].wanted.first
            inside = rows[(rows >= begin) & (rows < begin + call.wanted.size)]
            if inside.size:
                wanted = call._replace(
                    rows=inside - begin, whole=whole or call.whole
                )
                jobs.append(Job(number, wanted, outcome.holders[number]))
        parts: list[Steps] = [each.result for each in self._requests.run(jobs)]
        self.traffic.step_bytes += sum(nbytes(each) for each in parts)
        if not parts:
            return no_steps(self.observation_space, self.action_space)
        steps: Steps = tf.nest.map_structure(
            lambda *leaves: np.concatenate(leaves), *parts
        )
        return steps

    def fetch_all(self, outcome: Outcome) -> Trajectories:
        """Returns all trajectories.

        Args:
            outcome: What `play` returned last.
        """
        lengths = outcome.lengths
        steps = self.fetch(outcome, np.arange(len(lengths)), whole=True)
        most = self.padded(int(lengths.max()))
        return trajectories_of(steps, np.arange(most) < lengths[:, np.newaxis])

    def played_by(self, player: PlaysRemotely, wanted: Wanted) -> Trajectories:
        """Returns the episodes that workers play."""
        return player.play_remotely(self, wanted)

    def step_function(self, steps: FetchesThenSteps[Made_co]) -> Made_co:
        """Returns what `steps` makes for a source that workers play."""
        return steps.fetch_then_step(self)

    def playable(self) -> "RemoteSource":
        """Returns the source itself, because it can be played."""
        return self

    def first_observations(self) -> NoReturn:
        """Refuses: spaces are read without workers."""
        raise RuntimeError("Workers play whole episodes only.")

    def check_groups(
        self, episodes_per_start: int | None, episodes_per_policy: int | None
    ) -> None:
        """Refuses groups that it cannot play.

        Raises:
            ValueError: If a start cannot be shared, or a chunk would hold a
                part of a group.
        """
        self._local.check_groups(episodes_per_start, episodes_per_policy)
        for name, size in (
            ("episodes_per_start", episodes_per_start),
            ("episodes_per_policy", episodes_per_policy),
        ):
            if size is not None and self._chunk_size % size:
                raise ValueError(
                    "`episodes_per_chunk` of the workers must be a multiple "
                    f"of {name}. Received: episodes_per_chunk="
                    f"{self._chunk_size}, {name}={size}"
                )

    def check_size(self, batch_size: int) -> None:
        """Refuses nothing: workers hold the trajectories."""

    def check_steps(self, batch_size: int) -> None:
        """Refuses trajectories that do not fit in memory with elite steps.

        Args:
            batch_size: K, the number of trajectories.

        Raises:
            ValueError: If they do not fit.
        """
        self._local.check_steps(batch_size)

    def close(self) -> None:
        """Closes the environments."""
        self._requests.close()
        self._local.close()
