"""An environment on the host, and the restarts of what fails in it."""

import dataclasses
import warnings
from collections.abc import Callable
from typing import NoReturn

from keras_cem import spaces
from keras_cem.engines.host.gymnasium_results import InterfaceError
from keras_cem.engines.host.slots import SlotError, Slots
from keras_cem.engines.trajectories import Trajectories


class EpisodeError(RuntimeError):
    """An episode could not be played to its end.

    Attributes:
        cause: The environment's own exception, or None if it raised none. It is
            stored because Keras' `fit` drops `__cause__`.
        played: All trajectories, if none of them is finite, else None.
    """

    cause: BaseException | None = None
    played: Trajectories | None = None


@dataclasses.dataclass
class HostEnvironment:
    """Sub-environments of one environment, with its spaces and limits.

    Attributes:
        name: Name of the environment for error messages.
        slots: The sub-environments.
        observation_space: Space of one observation.
        action_space: Space of one action.
        max_episode_steps: T. Every episode is truncated after T steps.
        max_env_restarts: Maximum number of restarts of failed
            sub-environments. Defaults to `0`.
        num_env_restarts: Number of restarts so far.
        seeded: Whether equal seeds give equal start states. Defaults to `True`.
    """

    name: str
    slots: Slots
    observation_space: spaces.Space
    action_space: spaces.Space
    max_episode_steps: int
    max_env_restarts: int = 0
    num_env_restarts: int = 0
    seeded: bool = True

    def restart(
        self, error: SlotError, reason: Callable[[SlotError], str]
    ) -> None:
        """Restarts failed slots and warns; they must be reset before use.

        Args:
            error: The failure.
            reason: Function that returns a sentence about a failure and where
                it happened.

        Raises:
            EpisodeError: If a restart is not allowed or cannot help.
        """
        failed = error.failed
        count = 1 if failed is None else len(failed)
        while True:
            left = self.max_env_restarts - self.num_env_restarts
            if count > left or isinstance(error.__cause__, InterfaceError):
                # A restart does not cure a violated interface.
                self._fail(error, reason(error))
            self.num_env_restarts += count
            warnings.warn(
                f"{reason(error)} It is created again, and its unfinished "
                f"episodes restart: restart {self.num_env_restarts} of "
                f"{self.max_env_restarts}.",
                RuntimeWarning,
                stacklevel=3,
            )
            try:
                self.slots.restart(failed)
            except Exception as cause:
                error = SlotError("making", None, failed)
                error.__cause__ = cause
            else:
                return

    def _fail(self, error: SlotError, reason: str) -> NoReturn:
        cause, why = error.__cause__, ""
        if not self.slots.can_restart:
            why = (
                " An existing environment cannot be created again. Pass an "
                "id, or a callable that returns the environment, to allow "
                "restarts."
            )
        elif self.num_env_restarts:
            why = (
                f" Restarts so far: {self.num_env_restarts} of "
                f"max_env_restarts={self.max_env_restarts}."
            )
        failure = EpisodeError(reason + why)
        failure.cause = cause
        raise failure from cause
