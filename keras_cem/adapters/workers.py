"""Sub-environments in processes of their own, that fail with a reason."""

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

# How long an environment that is in the middle of a step may hold up `close`,
# and how long a process may take to end that was told to.
CLOSE_SECONDS = 5.0


class ProcessError(RuntimeError):
    """A process that runs a sub-environment has ended."""


class StepTimeoutError(RuntimeError):
    """A sub-environment has not answered in time."""


class Workers(AsyncVectorEnv):
    """gymnasium's, but that it never waits for ever, whatever its workers do.

    Once it has failed, it is good for nothing but `close`: there may be answers
    left in its pipes, which gymnasium would take for those to later calls.

    Args:
        env_fns: As in gymnasium.
        step_timeout: Seconds that a step or a reset may take. Defaults to
            `None`: as long as it likes.
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
        """Says which sub-environment failed, as `error.sub_env`."""
        try:
            yield
        except Exception as error:
            # gymnasium drops the pipe of a sub-environment that raised.
            pipes = list(enumerate(gymnasium_internals.pipes(self)))
            if raised := [i for i, pipe in pipes if pipe is None]:
                _blame(error, raised)
                raise
            if isinstance(error, multiprocessing.TimeoutError):
                late = [i for i, pipe in pipes if not pipe.poll(0)]
                for i in late:
                    # It would hold up `close`.
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
        """Which workers have ended, and how the first of them did."""
        processes = gymnasium_internals.processes(self)
        sentinels = [process.sentinel for process in processes]
        # Its pipe ends before the fork server has heard of it.
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
    """Starts a process for each of `num_envs` environments.

    Args:
        make: Makes an environment. It goes to the workers by `cloudpickle`.
            Where it raises in a worker, `reset` raises that.
        num_envs: How many.
        observation_space: Of one environment.
        action_space: Of one environment.
        step_timeout: As in `Workers`.

    Raises:
        RuntimeError: If the workers end as they start.
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
    """Ends the processes of `env` whatever they do, and never raises.

    gymnasium 1.4 raises out of `close`, with workers left over, where one of
    them has died, and waits for ever where one hangs.

    Args:
        env: Vector environment, perhaps not even made to its end.
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
        # Also where Ctrl-C comes in between: one that is deaf to SIGTERM would
        # hold up the end of this process, where multiprocessing joins it.
        for process in processes:
            if process.exitcode is None:
                process.kill()
    _join(processes)


def _ask_to_end(
    processes: list[Any], pipes: list[connection.Connection], seconds: float
) -> None:
    """Lets workers close their environments and end, if they do so in time."""
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
        # A worker with an answer too long for its pipe waits to be read.
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
    """Makes environments all of whose exceptions reach the parent process.

    A worker hangs the parent with an exception that cannot be pickled, hides
    one that takes other arguments than a message, and ends with one that is
    raised as it makes the environment (gymnasium 1.4).

    Functions and classes defined in here are sent by value, so that a worker
    need not import this package, and TensorFlow with it.
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
                    # What gymnasium does with it: `raise kind(error)`.
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
                    # gymnasium closes one before the first episode.
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
        # Ctrl-C is for the parent, which closes its workers when it is done.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        threading.Thread(target=end_with_parent, daemon=True).start()
        try:
            return Sendable(make())
        except Exception as error:
            return Unmade(error)

    return sendable_env
