"""Workers on Ray that have an agent and an environment."""

import itertools
import time
import warnings
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
import ray

from keras_cem.adapters.ray.work import Versions, Work
from keras_cem.agent import replicas
from keras_cem.engines.remote.chunks import Job, WorkerLostError
from keras_cem.engines.remote.messages import Failure
from keras_cem.engines.remote.opening import Assignment

# Seconds in which a first worker must be ready, and after which one says so.
START_TIMEOUT, START_NOTICE = 600.0, 60.0
# Numbers of sessions.
_KEYS = itertools.count(1)


class Actors(Protocol):
    """Processes of Ray, as `Workers` has them."""

    @property
    def actors(self) -> Mapping[int, Any]:
        """Handles of the workers by number."""

    def replace(self, worker: int, error: WorkerLostError) -> None:
        """Starts another worker in the place of one that was lost."""

    def succeeded(self) -> None:
        """Notes that a worker has done something."""


class RaySession:
    """Workers with an agent and an environment; see `source.Session`.

    Args:
        workers: The workers.
        given: Agent, environment and probe.
        strict: As in `Workers`.
    """

    def __init__(self, workers: Actors, given: Assignment, strict: bool):
        self._key = next(_KEYS)
        self._workers = workers
        self._strict = strict
        self._fingerprint = given.fingerprint
        work = Work(
            replicas.describe(given.agent),
            [np.asarray(each) for each in given.agent.network_variables()],
            given.env,
            given.options,
            given.probe,
            Versions.here(),
        )
        self._work = ray.put(work)
        self._opening: dict[int, Any] = {}
        self._opened: list[int] = []
        self._since = time.monotonic()
        self._said = False
        self._weights: Any = None
        self._request = 0

    @property
    def num_workers(self) -> int:
        """Number of workers that take calls."""
        return len(self._opened)

    def begin(self, weights: Sequence[np.ndarray], request: int) -> None:
        """Begins a request; later calls have these weights."""
        self._weights = ray.put(list(weights))
        self._request = request

    def ready(self) -> list[int]:
        """Returns the numbers of the workers that take calls now."""
        for worker, actor in list(self._workers.actors.items()):
            if worker not in self._opened and worker not in self._opening:
                self._opening[worker] = actor.open.remote(self._key, self._work)
        for worker, reference in list(self._opening.items()):
            if ray.wait([reference], timeout=0)[0]:
                self._take_in(worker, reference)
        present = self._workers.actors
        self._opened = [each for each in self._opened if each in present]
        if not self._opened:
            self._check_start()
        return self._opened

    def send(self, worker: int, job: Job) -> Any:
        """Calls a worker; returns a reference to what it will return."""
        actor = self._workers.actors[worker]
        return actor.answer.remote(self._key, self._weights, job.argument)

    def wait(self, tickets: Sequence[Any], seconds: float) -> list[Any]:
        """Returns references that are done, after at most some seconds."""
        if not tickets:
            time.sleep(seconds)
            return []
        done, _ = ray.wait(list(tickets), timeout=seconds)
        return list(done)

    def result(self, ticket: Any) -> Any:
        """Returns what a call returned.

        Raises:
            WorkerLostError: If the worker is gone.
        """
        found = self._got(ticket)
        self._workers.succeeded()
        return found

    def _got(self, ticket: Any) -> Any:
        try:
            return ray.get(ticket)
        except (
            ray.exceptions.RayActorError,
            ray.exceptions.ObjectLostError,
        ) as error:
            raise WorkerLostError(str(error).strip()) from error

    def lost(self, worker: int, error: WorkerLostError) -> None:
        """Starts another worker in the place of one that is gone."""
        self._opening.pop(worker, None)
        self._workers.replace(worker, error)

    def give_up(self, worker: int) -> None:
        """Lets a worker give up what it plays for the present request."""
        actor = self._workers.actors.get(worker)
        if actor is not None:
            actor.give_up.remote(self._key, self._request)

    def close(self) -> None:
        """Drops the agent and the environment in all workers."""
        for worker in [*self._opened, *self._opening]:
            actor = self._workers.actors.get(worker)
            if actor is not None:
                actor.close.remote(self._key)

    def _take_in(self, worker: int, reference: Any) -> None:
        del self._opening[worker]
        try:
            opened = self._got(reference)
        except WorkerLostError as error:
            self.lost(worker, error)
            return
        if isinstance(opened, Failure):
            raise RuntimeError(
                f"{opened.message}\n{opened.cause or ''}".strip()
            )
        if opened.fingerprint is None:
            raise RuntimeError(
                "Workers must have the versions of this process, "
                f"{Versions.here()}. Received: "
                f"{opened.versions} on {opened.host}. Install the same "
                "versions on all machines."
            )
        if opened.fingerprint != self._fingerprint:
            message = (
                f"The worker on {opened.host} computes other bits than this "
                "process: a few episodes differ. It may have another "
                "processor, other libraries or another simulator, or the "
                "environment does not follow from its seed."
            )
            if self._strict:
                raise RuntimeError(
                    f"{message} Use equal machines, or "
                    "`Workers(..., strict=False)`, with results that depend "
                    "on who plays what."
                )
            warnings.warn(message, RuntimeWarning, stacklevel=2)
        self._opened.append(worker)

    def _check_start(self) -> None:
        """Says that no worker is ready, and ends that after a while."""
        seconds = time.monotonic() - self._since
        if seconds < START_NOTICE or (self._said and seconds < START_TIMEOUT):
            return
        free = ray.available_resources()
        message = (
            f"No worker is ready after {seconds:.0f} seconds. Ray has "
            f"{free.get('CPU', 0):g} free cores and {free.get('GPU', 0):g} "
            "free GPUs."
        )
        if seconds > START_TIMEOUT:
            raise RuntimeError(message)
        self._said = True
        warnings.warn(message, RuntimeWarning, stacklevel=2)
