"""Workers on Ray: processes on this machine, or on those of a cluster."""

import contextlib
import logging
import os
import signal
import threading
from typing import Any

import numpy as np
import ray
import tensorflow as tf

from keras_cem.adapters.ray.session import RaySession
from keras_cem.adapters.ray.work import Opened, Work, failure_of
from keras_cem.engines.playing import Options
from keras_cem.engines.remote.chunks import WorkerLostError
from keras_cem.engines.remote.messages import Call, Failure
from keras_cem.engines.remote.opening import (
    Assignment,
    open_remote,
)
from keras_cem.engines.remote.replica import Replica
from keras_cem.engines.remote.source import RemoteSource
from keras_cem.utils import addresses, checks

NO_CLUSTER = (
    "`address` must be that of a running cluster of Ray. Start one with `ray "
    "start --head`."
)
# Number of workers that may be lost before one of them does something, per
# worker asked for.
LOSSES_PER_WORKER = 3
CONTROL = "control"


class _Actor:
    """A worker: one process that plays chunks."""

    def __init__(self, num_threads: int, has_gpu: bool):
        with contextlib.suppress(RuntimeError):
            # TensorFlow may be in use already, in a process that Ray reuses.
            tf.config.threading.set_intra_op_parallelism_threads(num_threads)
            tf.config.threading.set_inter_op_parallelism_threads(num_threads)
            if not has_gpu:
                tf.config.set_visible_devices([], "GPU")
        self._replicas: dict[int, Replica] = {}

    def open(self, key: int, work: Work) -> Opened | Failure:
        """Makes a copy of the agent, and the environment."""
        opened, replica = work.begin()
        if replica is not None:
            self._replicas[key] = replica
        return opened

    def answer(self, key: int, weights: list[np.ndarray], call: Call) -> Any:
        """Plays a chunk, or returns steps of it."""
        try:
            return self._replicas[key].answer(weights, call)
        except Exception as error:
            return failure_of(error)

    def close(self, key: int) -> None:
        """Drops an agent and its environment."""
        replica = self._replicas.pop(key, None)
        if replica is not None:
            replica.close()

    @ray.method(concurrency_group=CONTROL)
    def give_up(self, key: int, request: int) -> None:
        """Ends what is played for a request that is done."""
        replica = self._replicas.get(key)
        if replica is not None:
            replica.give_up(request)


class Workers:
    """Processes that play the episodes of `fit`, `evaluate` and `collect`.

    The result is that of one process, in every bit, whatever the number of
    workers and whichever of them end meanwhile. A context manager keeps the
    processes for several calls:

        with cem.adapters.ray.Workers(8) as workers:
            agent.fit("Hopper-v5", batch_size=512, workers=workers)
            agent.evaluate("Hopper-v5", workers=workers)

    Outside of a context, they start and end with each call.

    Args:
        num_workers: Number of processes.
        address: `"auto"`, or `"host:port"` of a cluster of Ray. Defaults to
            `None`: this machine.
        num_gpus: Number of GPUs per worker. Defaults to `0`.
        num_cpus: Number of cores per worker. Defaults to `1`.
        episodes_per_chunk: Maximum number of episodes that a worker plays at a
            time. It must be a multiple of the size of groups. Defaults to `64`.
        strict: Whether to refuse a worker that computes other bits than this
            process, such as one with another processor. If false, it is used
            with a warning. Defaults to `True`.

    Raises:
        ValueError: If an argument is out of range.
    """

    def __init__(
        self,
        num_workers: int,
        *,
        address: str | None = None,
        num_gpus: float = 0,
        num_cpus: float = 1,
        episodes_per_chunk: int = 64,
        strict: bool = True,
    ):
        checks.not_none(num_workers=num_workers)
        checks.at_least(
            1, num_workers=num_workers, episodes_per_chunk=episodes_per_chunk
        )
        checks.number(0, num_gpus=num_gpus, num_cpus=num_cpus)
        self.num_workers = num_workers
        self._address = address
        self._num_gpus, self._num_cpus = num_gpus, num_cpus
        self._episodes_per_chunk = episodes_per_chunk
        self._strict = strict
        self._users = 0
        self._owns_ray = False
        self._actors: dict[int, Any] = {}
        self._started = 0
        self._losses: list[WorkerLostError] = []

    def __enter__(self) -> "Workers":
        self._users += 1
        return self

    def __exit__(self, *error: object) -> None:
        self._users -= 1
        if not self._users:
            self.close()

    def open_source(self, env: object, options: Options) -> RemoteSource:
        """Opens an environment as a source that these workers play.

        Args:
            env: An id, a callable, or an in-graph environment.
            options: How to play it.
        """
        return open_remote(
            env, options, self._episodes_per_chunk, self._session
        )

    @property
    def actors(self) -> dict[int, Any]:
        """Handles of the workers by number; a number is not used again."""
        return self._actors

    def start(self) -> None:
        """Starts the workers, if they have not started."""
        if self._actors:
            return
        if not ray.is_initialized():
            self._connect()
        gpus = ray.cluster_resources().get("GPU", 0)
        if self.num_workers * self._num_gpus > gpus:
            self.close()
            raise ValueError(
                "`num_gpus` x `num_workers` must be at most the number of "
                f"GPUs, {gpus:g}. Received: num_gpus={self._num_gpus:g}, "
                f"num_workers={self.num_workers}"
            )
        self._losses = []
        for _ in range(self.num_workers):
            self._start_one()

    def close(self) -> None:
        """Ends the workers, and Ray if they started it."""
        actors, self._actors = self._actors, {}
        if ray.is_initialized():
            for actor in actors.values():
                ray.kill(actor)
        if self._owns_ray:
            self._owns_ray = False
            ray.shutdown()

    def replace(self, worker: int, error: WorkerLostError) -> None:
        """Starts another worker in the place of one that was lost.

        Raises:
            RuntimeError: If too many were lost. The message names the first
                cause.
        """
        actor = self._actors.pop(worker, None)
        if actor is None:
            return
        # Ray would start for the call, if it is gone.
        if ray.is_initialized():
            with contextlib.suppress(Exception):
                ray.kill(actor)
        self._losses.append(error)
        most = LOSSES_PER_WORKER * self.num_workers
        if len(self._losses) > most:
            raise RuntimeError(
                f"{len(self._losses)} workers in a row were lost. The first: "
                f"{self._losses[0]}"
            ) from self._losses[0]
        self._start_one()

    def succeeded(self) -> None:
        """Notes that a worker has done something."""
        self._losses.clear()

    def _start_one(self) -> None:
        options: dict[str, Any] = {
            "num_cpus": self._num_cpus,
            "num_gpus": self._num_gpus,
            # Another one is started here, which shows that it is ready.
            "max_restarts": 0,
            "concurrency_groups": {CONTROL: 1},
        }
        actor: Any = ray.remote(**options)(_Actor)
        threads = max(int(self._num_cpus), 1)
        self._actors[self._started] = actor.remote(threads, self._num_gpus > 0)
        self._started += 1

    def _connect(self) -> None:
        """Connects to Ray, and keeps the handlers of signals."""
        arguments: dict[str, Any] = {
            "log_to_driver": False,
            "logging_level": logging.ERROR,
        }
        if self._address is None:
            cores = os.cpu_count() or 1
            arguments |= {
                "address": "local",
                "include_dashboard": False,
                # More workers than cores are the caller's choice.
                "num_cpus": max(
                    cores, int(np.ceil(self.num_workers * self._num_cpus))
                ),
            }
        else:
            addresses.check(self._address, NO_CLUSTER)
            arguments["address"] = self._address
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        # This process waits for them. Ray would give them what others leave.
        os.environ.setdefault("RAY_worker_niceness", "0")
        handler = None
        main = threading.current_thread() is threading.main_thread()
        if main:
            handler = signal.getsignal(signal.SIGTERM)
        try:
            ray.init(**arguments)
        except ConnectionError as error:
            raise addresses.no_answer(self._address, NO_CLUSTER) from error
        finally:
            if main and handler is not None:
                signal.signal(signal.SIGTERM, handler)
        self._owns_ray = True

    def _session(self, given: Assignment) -> "RaySession":
        _check_sendable(given.env)
        self.start()
        return RaySession(self, given, self._strict)


def _check_sendable(env: object) -> None:
    """Refuses an environment that cannot be pickled.

    Raises:
        TypeError: If so.
    """
    try:
        ray.cloudpickle.dumps(env)
    except Exception as error:
        raise TypeError(
            "`workers` get the environment by pickling it. Received: "
            f"env={env!r}, which raised {type(error).__name__}: {error}. Pass "
            "a function of a module, or an id."
        ) from error
