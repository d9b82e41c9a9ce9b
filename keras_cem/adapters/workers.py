"""Sub-environments in worker processes, with clear errors when they fail."""

import contextlib
import multiprocessing
import os
import signal
import time
from collections.abc import Callable, Iterator
from multiprocessing import connection
from typing import Any

from gymnasium.vector import AsyncVectorEnv

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
                    ProcessError(f"its process has ended, {how}"), dead
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
            return [], "it is not known how"
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
    made = _sendable(make, observation_space, action_space)
    try:
        return Workers([made] * num_envs, step_timeout, context=context)
    except (EOFError, OSError) as error:
        raise RuntimeError(
            "The processes of vectorization_mode='async' ended as they "
            "started; what they wrote on stderr says why. Where they are "
            "started by a script, it must do so under "
            "`if __name__ == '__main__':`, for they import it."
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


def _sendable(
    make: Callable[[], Any], observation_space: Any, action_space: Any
) -> Callable[[], Any]:
    """Wraps a factory so that all exceptions reach the parent process.

    In gymnasium 1.4, an exception that cannot be pickled hangs the parent. An
    exception whose constructor does not take a single message is hidden. An
    exception while the environment is made ends the worker.

    Functions and classes inside this function are pickled by value. Workers
    therefore import neither this package nor TensorFlow.
    """
    starter = os.getpid()

    def sendable_env() -> Any:
        import os
        import pickle
        import signal
        import threading
        import warnings
        from multiprocessing import connection, parent_process

        import gymnasium

        def sent(
            function: Callable[..., Any], *args: Any, **kwargs: Any
        ) -> Any:
            try:
                return function(*args, **kwargs)
            except Exception as error:
                try:
                    # gymnasium raises it again as `raise kind(error)`.
                    written = pickle.dumps((type(error), error))
                    kind, read = pickle.loads(written)  # noqa: S301
                    kind(read)
                except Exception:
                    raise RuntimeError(
                        f"{type(error).__name__}: {error}"
                    ) from error
                raise

        class Sendable(gymnasium.Wrapper):
            def reset(self, **kwargs: Any) -> Any:
                return sent(self.env.reset, **kwargs)

            def step(self, action: Any) -> Any:
                return sent(self.env.step, action)

            def close(self) -> None:
                try:
                    super().close()
                except Exception as error:
                    # gymnasium closes an environment before the first episode.
                    warnings.warn(
                        "`close` of the environment raised "
                        f"{type(error).__name__}: {error}",
                        RuntimeWarning,
                        stacklevel=2,
                    )

        class Unmade(gymnasium.Env):
            def __init__(self, error: Exception):
                self.observation_space = observation_space
                self.action_space = action_space
                self._error = error

            def reset(self, **kwargs: Any) -> Any:
                raise RuntimeError(
                    "it could not be made in its process: "
                    f"{type(self._error).__name__}: {self._error}"
                ) from self._error

        def end_with_parent() -> None:
            parent = parent_process()
            if parent is not None:
                connection.wait([parent.sentinel])
                os._exit(1)

        if os.getpid() == starter:
            return Sendable(make())
        # Ignore Ctrl-C: the parent handles it and closes its workers.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        threading.Thread(target=end_with_parent, daemon=True).start()
        try:
            return Sendable(make())
        except Exception as error:
            return Unmade(error)

    return sendable_env
