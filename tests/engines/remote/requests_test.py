"""What this process says while workers play."""

import numpy as np
import pytest

from keras_cem.engines.remote.chunks import Job
from keras_cem.engines.remote.messages import Call, Report
from keras_cem.engines.remote.requests import Requests
from keras_cem.utils import activity
from keras_cem.utils.activity import Activity
from tests.engines.remote.chunks_test import FakeTeam


class Wanted:
    def __init__(self, size):
        self.size = size


class Agent:
    def network_variables(self):
        return []


class Session(FakeTeam):
    """Workers whose episodes have 10 steps."""

    num_workers = 2

    def begin(self, weights, request):
        self.jobs = {}

    def send(self, worker, job):
        ticket = super().send(worker, job)
        self.jobs[ticket] = job.argument
        return ticket

    def result(self, ticket):
        if self.jobs[ticket].rows is not None:
            return "steps"
        lengths = np.full(self.jobs[ticket].wanted.size, 10)
        return Report(lengths, None, lengths, (), 0, None)


@pytest.fixture
def seen():
    found = []
    activity.listeners.append(found.append)
    yield found
    activity.listeners.remove(found.append)


def test_trajectories_are_counted_as_they_arrive(seen):
    requests = Requests(lambda agent, wanted: Session([1.0, 1.5]))
    number = requests.begin(Agent(), Wanted(10))
    calls = [Call(number, Wanted(size)) for size in (4, 4, 2)]
    jobs = [Job(chunk, call) for chunk, call in enumerate(calls)]
    requests.run(jobs)
    assert seen == [
        Activity("playing", 0, 10),
        Activity("playing", 4, 10, 40),
        Activity("playing", 8, 10, 80),
        Activity("playing", 10, 10, 100),
    ]
    seen.clear()
    # Fetching the steps of elites plays nothing.
    fetch = calls[0]._replace(rows=np.array([1]))
    assert [each.result for each in requests.run([Job(0, fetch)])] == ["steps"]
    assert not seen
