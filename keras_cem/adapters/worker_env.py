"""An environment in a worker process, whose errors reach the parent."""

import os
from collections.abc import Callable
from typing import Any


def sendable(
    make: Callable[[], Any], observation_space: Any, action_space: Any
) -> Callable[[], Any]:
    """Wraps a factory so that all exceptions reach the parent process.

    In gymnasium 1.4, an exception that cannot be pickled hangs the parent. An
    exception whose constructor does not take a single message is hidden. An
    exception while the environment is made ends the worker.

    Functions and classes inside this function are pickled by value. Workers
    therefore import neither this package nor TensorFlow.

    Args:
        make: Factory of an environment.
        observation_space: Observation space of one environment.
        action_space: Action space of one environment.

    Returns:
        Factory of the environment in a worker.
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
                    "it could not be created in its process: "
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
