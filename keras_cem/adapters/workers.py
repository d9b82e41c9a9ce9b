"""Sub-environments in worker processes, with clear errors when they fail."""

import contextlib
import multiprocessing
import signal
import time
from collections.abc import Callable, Iterator
from multiprocessing import connection
from typing import Any

from gymnasium.vector import AsyncVectorEnv

from keras_cem.adapters.worker_env import sendable
from keras_cem.utils import gymnasium_internals

# Seconds that `close` waits for an environment in the middle of a step, and for
# a process to end after it was told to.
CLOSE_SECONDS = 5.0


class ProcessError(RuntimeError):
    """A process that runs a sub-environment has ended."""


class StepTimeoutError(RuntimeError):
    """A sub-environment has not answered in time."""


class Workers(AsyncVectorEnv):
    """gymnasium's `AsyncVectorEnv`, with a timeout and safe closing.

    After a failure, only `close` may be called. Old answers may be left in the
    pipes, and gymnasium would take them for answers to later calls.

    Args:
        env_fns: As in gymnasium.
        step_timeout: Seconds that a step or a reset may take. Defaults to
            `None`: no limit.
        **kwargs: As in gymnasium.
    """

    def __init__(
        self,
        env_fns: list[Callable[[], Any]],
        step_timeout: float | None = None,
        **kwargs: Any,
    ):
        self._step_timeout = step_timeout
        try:
            super().__init__(env_fns, **kwargs)
        except BaseException:
            end(self, seconds=0.0)
            raise

    def reset(self, *, seed: Any = None, options: Any = None) -> Any:
        with self._explained():
            self.reset_async(seed=seed, options=options)
            return self.reset_wait(timeout=self._step_timeout)

    def step(self, actions: Any) -> Any:
        with self._explained():
            self.step_async(actions)
            return self.step_wait(timeout=self._step_timeout)

    def close_extras(
        self, timeout: float | None = None, terminate: bool = False
    ) -> None:
        end(self, seconds=0.0 if terminate else timeout)

    @contextlib.contextmanager
    def _explained(self) -> Iterator[None]:
        """Adds the index of the failed sub-environment as `error.sub_env`."""
        try:
            yield
        except Exception as error:
            # gymnasium sets the pipe of a sub-environment that raised to None.
            pipes = list(enumerate(gymnasium_internals.pipes(self)))
            if raised := [i for i, pipe in pipes if pipe is None]:
                _blame(error, raised)
                raise
            if isinstance(error, multiprocessing.TimeoutError):
                late = [i for i, pipe in pipes if not pipe.poll(0)]
                for i in late:
                    # A hanging process would delay `close`.
                    gymnasium_internals.processes(self)[i].kill()
                raise _blame(
                    StepTimeoutError(
                        "no answer within "
                        f"step_timeout={self._step_timeout} seconds"
                    ),
                    late,
                ) from error
            if isinstance(error, (EOFError, OSError)):
                dead, how = self._ended()
                raise _blame(
                    ProcessError(f"its process ended, {how}"), dead
                ) from error
            raise

    def _ended(self) -> tuple[list[int], str]:
        """Returns the workers that ended, and how the first one ended."""
        processes = gymnasium_internals.processes(self)
        sentinels = [process.sentinel for process in processes]
        # The pipe closes before the fork server notices that the worker ended.
        ended = connection.wait(sentinels, timeout=CLOSE_SECONDS)
        dead = [i for i, s in enumerate(sentinels) if s in ended]
        if not dead:
            return [], "for an unknown reason"
        process = processes[dead[0]]
        process.join()
        code = process.exitcode
        if code is not None and code < 0:
            return dead, f"killed by {signal.Signals(-code).name}"
        return dead, f"exit code {code}"


def start(
    make: Callable[[], Any],
    num_envs: int,
    observation_space: Any,
    action_space: Any,
    step_timeout: float | None = None,
) -> Workers:
    """Starts one process per environment.

    Args:
        make: Factory of an environment, sent to the workers by `cloudpickle`.
            If it raises in a worker, `reset` raises the error.
        num_envs: Number of environments.
        observation_space: Observation space of one environment.
        action_space: Action space of one environment.
        step_timeout: As in `Workers`. Defaults to `None`.

    Raises:
        RuntimeError: If a worker ends while starting.
    """
    # TensorFlow's threads do not survive a fork (tensorflow #66115).
    methods = multiprocessing.get_all_start_methods()
    context = "forkserver" if "forkserver" in methods else "spawn"
    made = sendable(make, observation_space, action_space)
    try:
        return Workers([made] * num_envs, step_timeout, context=context)
    except (EOFError, OSError) as error:
        raise RuntimeError(
            "The processes of vectorization_mode='async' ended while "
            "starting; see their output on stderr. A script must start them "
            "under `if __name__ == '__main__':`, because they import it."
        ) from error


def end(env: AsyncVectorEnv, seconds: float | None = None) -> None:
    """Ends the processes of `env`, whatever their state; never raises.

    In gymnasium 1.4, `close` raises and leaves workers behind if a worker has
    died. It waits forever if a worker hangs.

    Args:
        env: Vector environment, which may be only partly constructed.
        seconds: How long workers may take to close their environments before
            they are terminated. Defaults to `None`: `CLOSE_SECONDS`.
    """
    processes, pipes = gymnasium_internals.started_workers(env)
    try:
        _ask_to_end(
            processes, pipes, CLOSE_SECONDS if seconds is None else seconds
        )
        for process in processes:
            if process.exitcode is None:
                process.terminate()
        _join(processes)
    finally:
        # Also after Ctrl-C: multiprocessing joins the workers when this process
        # exits, and would wait for a worker that ignores SIGTERM.
        for process in processes:
            if process.exitcode is None:
                process.kill()
    _join(processes)


def _ask_to_end(
    processes: list[Any], pipes: list[connection.Connection], seconds: float
) -> None:
    """Gives workers `seconds` to close their environments and end."""
    until = time.monotonic() + seconds
    if seconds > 0:
        for pipe in pipes:
            with contextlib.suppress(OSError):
                pipe.send(("close", None))
    while (left := until - time.monotonic()) > 0:
        alive = [p.sentinel for p in processes if p.exitcode is None]
        if not alive:
            break
        open_pipes = [pipe for pipe in pipes if not pipe.closed]
        # A worker blocks on an answer too long for its pipe until it is read.
        for ready in connection.wait([*alive, *open_pipes], left):
            if isinstance(ready, connection.Connection):
                try:
                    ready.recv_bytes()
                except (EOFError, OSError):
                    ready.close()
    for pipe in pipes:
        pipe.close()


def _join(processes: list[Any]) -> None:
    until = time.monotonic() + CLOSE_SECONDS
    for process in processes:
        process.join(max(0.0, until - time.monotonic()))


def _blame(error: Exception, sub_envs: list[int]) -> Exception:
    if sub_envs:
        error.sub_env = sub_envs[0]  # type: ignore[attr-defined]
    return error
