"""Sub-environments in processes of their own, that fail with a reason."""

import multiprocessing
from collections.abc import Callable
from typing import Any

from gymnasium.vector import AsyncVectorEnv

# How long an environment that is in the middle of a step may hold up `close`.
CLOSE_SECONDS = 5.0


class Workers(AsyncVectorEnv):
    """gymnasium's, but that it closes whatever its workers do.

    gymnasium 1.4 raises out of `close`, with workers left over, where one of
    them has died, and waits for ever where one hangs.
    """

    def __init__(self, *args: Any, **kwargs: Any):
        try:
            super().__init__(*args, **kwargs)
        except BaseException:
            self._end()
            raise

    def close_extras(
        self, timeout: float | None = None, terminate: bool = False
    ) -> None:
        try:
            super().close_extras(timeout or CLOSE_SECONDS, terminate)
        except (Exception, KeyboardInterrupt):
            self._end()

    def _end(self) -> None:
        for pipe in getattr(self, "parent_pipes", []):
            if pipe is not None:
                pipe.close()
        for process in getattr(self, "processes", []):
            if process.pid is not None:
                process.terminate()
                process.join()


def start(make: Callable[[], Any], num_envs: int) -> AsyncVectorEnv:
    """Starts a process for each of `num_envs` environments.

    Args:
        make: Makes an environment. It goes to the workers by `cloudpickle`.
        num_envs: How many.

    Raises:
        RuntimeError: If the workers end as they start.
    """
    # TensorFlow's threads do not survive a fork (tensorflow #66115).
    methods = multiprocessing.get_all_start_methods()
    context = "forkserver" if "forkserver" in methods else "spawn"
    try:
        return Workers([_sendable(make)] * num_envs, context=context)
    except (EOFError, OSError) as error:
        raise RuntimeError(
            "The processes of vectorization_mode='async' ended as they "
            "started; what they wrote on stderr says why. Where they are "
            "started by a script, it must do so under "
            "`if __name__ == '__main__':`, for they import it."
        ) from error


def _sendable(make: Callable[[], Any]) -> Callable[[], Any]:
    """Makes environments all of whose exceptions reach the parent process.

    A worker hangs the parent with an exception that cannot be pickled, and
    hides one that takes other arguments than a message (gymnasium 1.4).

    Functions and classes defined in here are sent by value, so that a worker
    need not import this package, and TensorFlow with it.
    """

    def sendable_env() -> Any:
        import pickle

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

        return Sendable(make())

    return sendable_env
