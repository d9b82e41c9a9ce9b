"""Which worker plays which chunk, and what happens if one is lost.

A chunk is a part of the trajectories of an iteration. Its result depends on
its own keys only, so any worker may play it, again if need be.
"""

import collections
import math
import statistics
import time
from collections.abc import Callable, Collection, Hashable, Sequence
from typing import Any, Generic, NamedTuple, Protocol, TypeVar

# Number of calls that a worker holds: one that runs, one that waits.
MAX_CALLS = 2
# Number of times that a chunk may be lost with its worker. A chunk that always
# ends its worker would otherwise go round for ever.
MAX_LOSSES = 3
# A chunk is late, and given to a second worker as well, after this multiple of
# the median duration of the others, and at least these seconds; of a worker
# whose last chunk was late, at once. Such a worker holds one call only. A chunk
# that waits behind another is given to a second worker with nothing to do.
LATE, LEAST_LATE = 1.5, 0.2
# Seconds between two looks at the workers and at signals.
POLL = 0.1

Ticket = TypeVar("Ticket", bound=Hashable)


class WorkerLostError(RuntimeError):
    """A worker ended, or its machine is gone."""


class Job(NamedTuple):
    """A call of a worker.

    Attributes:
        chunk: Number of the chunk.
        argument: What the worker gets.
        holder: Number of the worker that has played the chunk. Another one
            gets the job only if that one is gone. Defaults to `None`.
    """

    chunk: int
    argument: Any
    holder: int | None = None


class Team(Protocol[Ticket]):
    """Workers, each with a number that no later worker has again."""

    def ready(self) -> Sequence[int]:
        """Returns the numbers of the workers that take calls now."""

    def send(self, worker: int, job: Job) -> Ticket:
        """Calls a worker; returns at once."""

    def wait(self, tickets: Sequence[Ticket], seconds: float) -> list[Ticket]:
        """Returns tickets that are done, after at most some seconds."""

    def result(self, ticket: Ticket) -> Any:
        """Returns what a call returned.

        Raises:
            WorkerLostError: If the worker is gone.
        """

    def lost(self, worker: int, error: WorkerLostError) -> None:
        """Starts another worker in the place of one that is gone."""

    def give_up(self, worker: int) -> None:
        """Lets a worker give up what it plays, because it is not needed."""


class Done(NamedTuple):
    """The result of a job.

    Attributes:
        worker: Number of the worker whose result came first.
        result: What it returned.
    """

    worker: int
    result: Any


def _late(seconds: Collection[float]) -> float:
    """Returns the duration from which on a chunk is late."""
    median = statistics.median(seconds) if seconds else math.inf
    return max(LATE * median, LEAST_LATE)


class _Sent(NamedTuple):
    worker: int
    job: Job
    since: float


class Chunks(Generic[Ticket]):
    """Gives chunks to workers until all are done.

    Args:
        team: The workers.
        check: Called several times per second. It may raise. Defaults to
            `None`.
        clock: Returns seconds. Defaults to `None`: `time.monotonic`.

    Attributes:
        num_replayed: Number of chunks that were given to a worker again,
            because theirs was lost.
        num_second_tries: Number of chunks that were given to a second worker,
            because the first was late or busy.
        seconds: Duration of the last chunk that each worker played, by its
            number.
    """

    def __init__(
        self,
        team: Team[Ticket],
        check: Callable[[], None] | None = None,
        clock: Callable[[], float] | None = None,
    ):
        self.team = team
        self.check = check
        self.clock = clock or time.monotonic
        self.num_replayed = 0
        self.num_second_tries = 0
        self.seconds: dict[int, float] = {}

    def run(
        self,
        jobs: Sequence[Job],
        arrived: Callable[[Any], None] | None = None,
    ) -> dict[int, Done]:
        """Returns the result of each job by the number of its chunk.

        Args:
            jobs: The jobs, of different chunks.
            arrived: Called with the result of each job, once. Defaults to
                `None`.

        Raises:
            RuntimeError: If a chunk was lost more than `MAX_LOSSES` times. The
                message names the first cause.
        """
        return _Round(self, self.team, jobs, self.clock, arrived).run(
            self.check
        )


class _Round(Generic[Ticket]):
    """The jobs of one call of `Chunks.run`."""

    def __init__(
        self,
        chunks: Chunks[Ticket],
        team: Team[Ticket],
        jobs: Sequence[Job],
        clock: Callable[[], float],
        arrived: Callable[[Any], None] | None,
    ):
        self._chunks = chunks
        self._arrived = arrived
        self._team = team
        self._clock = clock
        self._jobs = jobs
        self._todo = collections.deque(jobs)
        self._sent: dict[Ticket, _Sent] = {}
        self._done: dict[int, Done] = {}
        self._seconds: list[float] = []
        self._losses: dict[int, list[WorkerLostError]] = {}

    def run(self, check: Callable[[], None] | None) -> dict[int, Done]:
        while len(self._done) < len(self._jobs):
            if check is not None:
                check()
            ready = self._team.ready()
            self._give(ready)
            self._give_again(ready)
            for ticket in self._team.wait(list(self._sent), POLL):
                if ticket in self._sent:
                    self._take(ticket)
        for sent in self._sent.values():
            self._team.give_up(sent.worker)
        return self._done

    def _send(self, worker: int, job: Job) -> None:
        ticket = self._team.send(worker, job)
        self._sent[ticket] = _Sent(worker, job, self._clock())

    def _load(self) -> collections.Counter[int]:
        return collections.Counter(each.worker for each in self._sent.values())

    def _give(self, ready: Sequence[int]) -> None:
        """Gives the jobs that wait: first to those who have nothing to do."""
        for job in [each for each in self._todo if each.holder in ready]:
            self._todo.remove(job)
            # It only has to be read there.
            self._send(job.holder or 0, job)
        load = self._load()
        # What waits for a worker known to be late would be late as well.
        last = self._chunks.seconds
        late = _late(last.values())
        for most in range(1, MAX_CALLS + 1):
            for worker in ready:
                if most > 1 and last.get(worker, 0.0) >= late:
                    continue
                if self._todo and load[worker] < most:
                    self._send(worker, self._todo.popleft())
                    load[worker] += 1

    def _give_again(self, ready: Sequence[int]) -> None:
        """Gives jobs that are late or wait to workers with nothing to do."""
        if self._todo or not self._seconds:
            return
        late = _late(self._seconds)
        now, load = self._clock(), self._load()
        copies = collections.Counter(
            each.job.chunk for each in self._sent.values()
        )
        last = self._chunks.seconds
        waiting = sorted(self._sent.values(), key=lambda sent: sent.since)
        idle = [worker for worker in ready if not load[worker]]
        runs: dict[int, _Sent] = {}
        for sent in self._sent.values():
            runs.setdefault(sent.worker, sent)
        for sent in waiting:
            if not idle:
                return
            age = now - sent.since
            # To read a chunk that is held takes no such time.
            if sent.job.holder is None:
                known = last.get(sent.worker, 0.0)
                waits = runs[sent.worker] is not sent
                age = math.inf if waits else max(age, known)
            if age < late:
                continue
            chunk = sent.job.chunk
            if chunk not in self._done and copies[chunk] == 1:
                self._send(idle.pop(0), sent.job)
                self._chunks.num_second_tries += 1

    def _take(self, ticket: Ticket) -> None:
        sent = self._sent.pop(ticket)
        now = self._clock()
        for other, waited in self._sent.items():
            if waited.worker == sent.worker:
                # Only now it begins.
                self._sent[other] = waited._replace(since=now)
        try:
            result = self._team.result(ticket)
        except WorkerLostError as error:
            self._lost(sent, error)
            return
        chunk = sent.job.chunk
        if chunk not in self._done:
            self._done[chunk] = Done(sent.worker, result)
            self._seconds.append(now - sent.since)
            if self._arrived is not None:
                self._arrived(result)
        if sent.job.holder is None:
            self._chunks.seconds[sent.worker] = now - sent.since

    def _lost(self, sent: _Sent, error: WorkerLostError) -> None:
        """Plays again all that was given to a worker that is gone."""
        gone = [sent.job]
        for ticket, other in list(self._sent.items()):
            # Their calls may take seconds to fail.
            if other.worker == sent.worker:
                gone.append(self._sent.pop(ticket).job)
        self._chunks.seconds.pop(sent.worker, None)
        self._team.lost(sent.worker, error)
        running = {each.job.chunk for each in self._sent.values()}
        for job in gone:
            if job.chunk in self._done:
                continue
            losses = self._losses.setdefault(job.chunk, [])
            losses.append(error)
            if len(losses) > MAX_LOSSES:
                raise RuntimeError(
                    f"{len(losses)} workers ended while they played chunk "
                    f"{job.chunk}. The first: {losses[0]}"
                ) from losses[0]
            if job.chunk not in running:
                self._chunks.num_replayed += 1
                self._todo.appendleft(job)
