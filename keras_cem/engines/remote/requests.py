"""What this process asks of workers, and what they answer."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from keras_cem.engines.host.environment import EpisodeError
from keras_cem.engines.policies import ActingAgent
from keras_cem.engines.remote.chunks import Chunks, Done, Job
from keras_cem.engines.remote.messages import Failure, Report
from keras_cem.engines.remote.session import Session
from keras_cem.engines.wanted import Wanted
from keras_cem.saving import interrupts
from keras_cem.utils import activity


class Requests:
    """Requests to workers, who get the agent's weights with each.

    Args:
        connect: Function of the agent, and of the first episodes that are
            wanted. It returns the workers' session.
    """

    def __init__(self, connect: Callable[[ActingAgent, Wanted], Session]):
        self._connect = connect
        self._session: Session | None = None
        self._chunks: Chunks[Any] | None = None
        self._request = 0

    @property
    def connected(self) -> bool:
        """Whether there is a session."""
        return self._session is not None

    @property
    def num_replayed(self) -> int:
        """Number of chunks that were played again, because a worker ended."""
        return 0 if self._chunks is None else self._chunks.num_replayed

    @property
    def num_workers(self) -> int:
        """Number of workers that take calls."""
        return 0 if self._session is None else self._session.num_workers

    def begin(self, agent: ActingAgent, wanted: Wanted) -> int:
        """Begins a request, and returns its number.

        Args:
            agent: The agent, whose weights the workers get.
            wanted: Which episodes will be played.
        """
        if self._session is None:
            self._session = self._connect(agent, wanted)
            self._chunks = Chunks(self._session, interrupts.check)
        self._request += 1
        weights = [np.asarray(each) for each in agent.network_variables()]
        self._session.begin(weights, self._request)
        return self._request

    def run(self, jobs: Sequence[Job]) -> list[Done]:
        """Returns what each job returned, in the order of the jobs.

        Raises:
            EpisodeError: If an episode could not be played.
            RuntimeError: If too many workers were lost.
        """
        if self._chunks is None:
            raise RuntimeError("Nothing was played yet.")
        done = self._chunks.run(jobs, _Progress(jobs))
        for each in done.values():
            if isinstance(each.result, Failure):
                error = EpisodeError(each.result.message)
                if each.result.cause is not None:
                    error.cause = RuntimeError(each.result.cause)
                raise error from error.cause
        return [done[job.chunk] for job in jobs]

    def close(self) -> None:
        """Drops the agent and the environment in all workers."""
        if self._session is not None:
            self._session.close()


class _Progress:
    """Tells displays of progress how many trajectories have arrived.

    Args:
        jobs: The jobs. Those that fetch steps play nothing.
    """

    def __init__(self, jobs: Sequence[Job]):
        self._done = self._steps = 0
        self._total = sum(
            job.argument.wanted.size
            for job in jobs
            if job.argument.rows is None
        )
        if self._total:
            activity.report("playing", 0, self._total)

    def __call__(self, result: Any) -> None:
        if isinstance(result, Report):
            self._done += len(result.lengths)
            self._steps += int(result.lengths.sum())
            activity.report("playing", self._done, self._total, self._steps)
