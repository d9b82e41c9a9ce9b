"""Workers in this process, which end when a test says so."""

import random

import numpy as np

from keras_cem.agent import replicas
from keras_cem.engines import sources
from keras_cem.engines.remote.chunks import WorkerLostError
from keras_cem.engines.remote.opening import fingerprint, open_remote
from keras_cem.engines.remote.replica import Replica


class LocalWorkers:
    """As `cem.adapters.ray.Workers`, without processes.

    Args:
        num_workers: Number of workers.
        episodes_per_chunk: Maximum number of episodes per chunk.
        lost: Numbers of the calls that end their worker, from 1.
        seed: Seed of the order in which calls are done.
    """

    def __init__(self, num_workers, episodes_per_chunk=64, lost=(), seed=0):
        self.num_workers = num_workers
        self.lost = lost
        self.random = random.Random(seed)
        self.sessions = []
        self._episodes_per_chunk = episodes_per_chunk

    def __enter__(self):
        return self

    def __exit__(self, *error):
        pass

    def open_source(self, env, options):
        self.source = open_remote(
            env, options, self._episodes_per_chunk, self._connect
        )
        return self.source

    def _connect(self, assignment):
        self.sessions.append(LocalSession(self, assignment))
        return self.sessions[-1]


class LocalSession:
    def __init__(self, pool, assignment):
        self._pool = pool
        self._assignment = assignment
        self._replicas = {}
        self._count = 0
        self._results = {}
        self._tickets = 0
        self.closed = False
        self._probed = [
            np.array(each) for each in assignment.agent.network_variables()
        ]
        for _ in range(pool.num_workers):
            self._start(self._replica())

    def _replica(self):
        given = self._assignment
        agent = replicas.describe(given.agent).make()
        source = sources.open_source(given.env, given.options)
        self._reset(agent)
        if not self._replicas:
            # The others compute the same, and compile for it as long.
            assert fingerprint(agent, source, given.probe) == given.fingerprint
        return Replica(agent, source)

    def _reset(self, agent):
        for variable, value in zip(
            agent.network_variables(), self._probed, strict=True
        ):
            variable.assign(value)

    def _start(self, replica):
        self._replicas[self._count] = replica
        self._count += 1

    @property
    def num_workers(self):
        return len(self._replicas)

    def ready(self):
        return list(self._replicas)

    def begin(self, weights, request):
        self._weights = weights
        self._request = request

    def send(self, worker, job):
        self._tickets += 1
        ticket = self._tickets
        if ticket in self._pool.lost:
            self._results[ticket] = WorkerLostError("it died")
        else:
            self._results[ticket] = self._replicas[worker].answer(
                self._weights, job.argument
            )
        return ticket

    def wait(self, tickets, seconds):
        return self._pool.random.sample(tickets, min(len(tickets), 2))

    def result(self, ticket):
        result = self._results.pop(ticket)
        if isinstance(result, WorkerLostError):
            raise result
        return result

    def lost(self, worker, error):
        before = self._replicas.pop(worker)
        # It knows nothing of its past but what was compiled.
        self._reset(before._agent)
        replica = Replica(before._agent, before._source)
        replica._player = before._player
        self._start(replica)

    def give_up(self, worker):
        self._replicas[worker].give_up(self._request)

    def forget(self):
        """Lets each worker give up the request, and lose what it played."""
        for replica in self._replicas.values():
            replica.give_up(self._request)
            replica._held.clear()

    def close(self):
        for replica in self._replicas.values():
            replica.close()
        self.closed = True
