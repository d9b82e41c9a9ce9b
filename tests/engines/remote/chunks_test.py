"""Scheduling of chunks, with workers and a clock that are made up."""

import random

import pytest

from keras_cem.engines.remote import chunks
from keras_cem.engines.remote.chunks import Chunks, Job, WorkerLostError


class FakeTeam:
    """Workers that take `seconds[worker]` per job, one after the other.

    Args:
        seconds: Duration of a job of each worker.
        dies: Times at which workers end.
        starts: Seconds until another worker is in its place; None for never.
        shares: Durations of some chunks, as shares of that of the worker.
    """

    def __init__(self, seconds, dies=(), starts=1.0, shares=()):
        self.now = 0.0
        self.sent, self.given_up, self.lost_workers = [], [], []
        self._seconds = dict(enumerate(seconds))
        self._dies = dict(dies)
        self._starts = starts
        self._shares = dict(shares)
        self._since = dict.fromkeys(self._seconds, 0.0)
        self._free = dict.fromkeys(self._seconds, 0.0)
        self._ends = {}

    def clock(self):
        return self.now

    def _alive(self, worker, when):
        return when < self._dies.get(worker, float("inf"))

    def ready(self):
        return [
            worker
            for worker, since in self._since.items()
            if since <= self.now and worker not in self.lost_workers
        ]

    def send(self, worker, job):
        assert self._since[worker] <= self.now
        begin = max(self.now, self._free[worker])
        seconds = self._seconds[worker] * self._shares.get(job.chunk, 1.0)
        self._free[worker] = begin + seconds
        ticket = len(self.sent)
        self.sent.append((self.now, worker, job.chunk))
        self._ends[ticket] = min(
            self._free[worker], self._dies.get(worker, float("inf"))
        )
        return ticket

    def wait(self, tickets, seconds):
        ends = [self._ends[ticket] for ticket in tickets]
        self.now = max(self.now, min([self.now + seconds, *ends]))
        return [ticket for ticket in tickets if self._ends[ticket] <= self.now]

    def result(self, ticket):
        _, worker, chunk = self.sent[ticket]
        if not self._alive(worker, self._ends[ticket]):
            raise WorkerLostError(f"worker {worker} died")
        return f"chunk {chunk}"

    def lost(self, worker, error):
        assert worker not in self.lost_workers
        self.lost_workers.append(worker)
        if self._starts is not None:
            number = len(self._since)
            self._since[number] = self.now + self._starts
            self._free[number] = self._since[number]
            self._seconds[number] = self._seconds[worker]

    def give_up(self, worker):
        self.given_up.append(worker)


def _run(team, count, **options):
    scheduler = Chunks(team, clock=team.clock, **options)
    done = scheduler.run([Job(k, None) for k in range(count)])
    assert sorted(done) == list(range(count))
    for chunk, (_, result) in done.items():
        assert result == f"chunk {chunk}"
    return scheduler, done


def test_all_workers_work_and_hold_two_calls_at_most():
    team = FakeTeam([1.0] * 4)
    scheduler, _ = _run(team, 16)
    assert team.now == pytest.approx(4.0)
    assert [sum(w == k for _, w, _ in team.sent) for k in range(4)] == [4] * 4
    # Two each at first; none of the first workers waits for the others.
    assert [w for when, w, _ in team.sent if not when] == [0, 1, 2, 3] * 2
    assert scheduler.num_replayed == scheduler.num_second_tries == 0


def test_faster_workers_get_more():
    team = FakeTeam([1.0, 4.0])
    _run(team, 10)
    counts = [sum(w == k for _, w, _ in team.sent) for k in range(2)]
    assert counts[0] > 2 * counts[1]


def test_late_chunk_is_given_to_a_second_worker_as_well():
    team = FakeTeam([1.0, 1.0, 1.0, 30.0])
    scheduler, done = _run(team, 4)
    assert scheduler.num_second_tries == 1
    assert team.now == pytest.approx(2.5, abs=0.2)
    assert done[3].worker != 3
    # The first is told to give up.
    assert team.given_up == [3]
    assert scheduler.num_replayed == 0


def test_chunk_that_waits_is_given_to_a_worker_with_nothing_to_do():
    team = FakeTeam([1.0, 1.0], shares={3: 1.4, 4: 0.1})
    _, done = _run(team, 6)
    # Worker 1 plays chunk 3 until 2.4; nobody knows how long.
    assert done[5].worker == 0
    assert team.now == pytest.approx(3.1)


def test_late_chunk_is_not_played_a_third_time():
    team = FakeTeam([0.5, 30.0, 30.0, 0.5])
    scheduler, _ = _run(team, 5)
    # Worker 3 has played chunk 1 when worker 0 still plays chunk 2.
    assert scheduler.num_second_tries == 2
    assert len(team.sent) == 7
    assert team.now == pytest.approx(1.5, abs=0.1)


def test_worker_that_was_late_is_not_waited_for_again():
    team = FakeTeam([0.7, 0.7, 0.7, 2.7])
    scheduler, done = _run(team, 16)
    # It plays one in the time in which the others play five each: they begin
    # its second as soon as they have nothing else to do.
    assert [each.worker for each in done.values()].count(3) == 1
    assert team.now == pytest.approx(3.5, abs=0.1)
    assert scheduler.num_second_tries == 1


def test_nothing_waits_for_a_worker_that_was_late():
    team = FakeTeam([0.6, 0.6, 0.6, 2.6])
    scheduler, _ = _run(team, 16)
    begin, sent = team.now, len(team.sent)
    team._free = dict.fromkeys(team._free, begin)
    scheduler.run([Job(k, None) for k in range(16)])
    assert [worker for _, worker, _ in team.sent[sent:]].count(3) == 1
    assert team.now - begin == pytest.approx(3.0, abs=0.1)


def test_chunks_that_a_late_worker_holds_are_read_there():
    team = FakeTeam([0.7, 0.7, 0.7, 2.7])
    scheduler, done = _run(team, 16)
    seconds = dict(scheduler.seconds)
    team._free = dict.fromkeys(team._free, team.now)
    team._seconds = dict.fromkeys(team._seconds, 0.01)
    second_tries = scheduler.num_second_tries
    jobs = [Job(chunk, None, each.worker) for chunk, each in done.items()]
    read = scheduler.run(jobs)
    assert [read[job.chunk].worker for job in jobs] == [
        job.holder for job in jobs
    ]
    assert scheduler.num_second_tries == second_tries
    # What reading takes says nothing of playing.
    assert scheduler.seconds == seconds


def test_chunks_of_a_worker_that_ends_are_played_again_at_once():
    team = FakeTeam([1.0, 1.0], dies={1: 0.5})
    scheduler, done = _run(team, 6)
    # It held two.
    assert scheduler.num_replayed == 2
    assert team.lost_workers == [1]
    assert 1 not in {each.worker for each in done.values()}
    # Another worker took its place.
    assert 2 in {each.worker for each in done.values()}
    assert team.now == pytest.approx(4.0, abs=0.2)


def test_only_worker_is_waited_for():
    team = FakeTeam([1.0], dies={0: 1.5}, starts=7.0)
    _run(team, 2)
    assert team.now == pytest.approx(9.5, abs=0.2)


def test_worker_that_joins_is_used():
    team = FakeTeam([1.0, 1.0])
    team._since[1] = team._free[1] = 3.0
    _, done = _run(team, 10)
    assert sum(each.worker == 1 for each in done.values()) >= 3


def test_job_of_a_holder_waits_for_it_unless_it_is_gone():
    team = FakeTeam([1.0, 1.0, 1.0], dies={2: 0.5})
    scheduler = Chunks(team, clock=team.clock)
    jobs = [Job(k, None, holder=k % 3) for k in range(9)]
    done = scheduler.run(jobs)
    for job in jobs:
        kept = done[job.chunk].worker == job.holder
        assert kept == (job.holder != 2)
    assert scheduler.num_replayed == 3
    assert team.lost_workers == [2]
    # One that was gone before.
    assert scheduler.run([Job(0, None, holder=2)])[0].worker != 2


def test_chunk_that_ends_every_worker_ends_the_run_with_the_first_cause():
    dies = {k: 0.5 + 1.6 * k for k in range(20)}
    team = FakeTeam([1.0], dies=dies)
    with pytest.raises(RuntimeError, match=r"chunk 0\. .*worker 0 died"):
        _run(team, 1)
    assert len(team.lost_workers) == chunks.MAX_LOSSES + 1


def test_check_may_stop_it():
    def check():
        if team.now > 2.0:
            raise KeyboardInterrupt

    team = FakeTeam([1.0])
    with pytest.raises(KeyboardInterrupt):
        _run(team, 100, check=check)
    assert team.now < 3.2


@pytest.mark.parametrize("seed", range(200))
def test_whatever_ends_when_all_chunks_are_played(seed):
    generator = random.Random(seed)
    count = generator.randint(1, 5)
    seconds = [generator.uniform(0.1, 3.0) for _ in range(count)]
    dies = {
        k: generator.uniform(0.0, 6.0)
        for k in range(count)
        if generator.random() < 0.4
    }
    team = FakeTeam(seconds, dies, starts=generator.uniform(0.0, 5.0))
    _, done = _run(team, generator.randint(1, 12))
    for worker in {each.worker for each in done.values()} & dies.keys():
        assert dies[worker] > 0.0
