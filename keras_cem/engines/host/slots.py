"""The interface of sub-environments that are stepped together."""

import abc
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np

from keras_cem.engines.host.observation_buffer import ObservationBuffer
from keras_cem.utils.tensors import Nest

StepResult = tuple[np.ndarray, np.ndarray, np.ndarray]


class SubEnv(Protocol):
    """A gymnasium environment. What it returns is not trusted."""

    def reset(self, *, seed: int | None = None) -> object:
        """Starts an episode; returns (observation, info)."""

    def step(self, action: Nest, /) -> Any:
        """Returns (observation, reward, terminated, truncated, info)."""

    def close(self) -> object:
        """Ends the environment."""


class VectorEnv(Protocol):
    """A gymnasium vector environment. What it returns is not trusted.

    Attributes:
        num_envs: Number of sub-environments.
    """

    num_envs: int

    @property
    def reset(self) -> Callable[..., Any]:
        """Starts episodes; returns (observations, info).

        It takes `seed`: a number, or one number or None per sub-environment.
        With `partial_reset`, it also takes `options`.
        """

    def step(self, actions: Nest, /) -> Any:
        """Returns (observations, rewards, terminated, truncated, info)."""

    def close(self) -> object:
        """Ends the environments."""


class SlotError(Exception):
    """Sub-environments failed. `__cause__` is the error of the first of them.

    Attributes:
        call: `"reset"` or `"step"`.
        slot: Index of the first failed slot, or None if it is unknown.
        failed: All failed slots, if the episodes of the other slots continue.
            None if all running episodes are lost.
        result: The result of `step`, which is valid for the other slots.
    """

    def __init__(
        self,
        call: str,
        slot: int | None,
        failed: list[int] | None = None,
        result: StepResult | None = None,
    ):
        super().__init__(call, slot)
        self.call = call
        self.slot = slot
        self.failed = failed
        self.result = result

    def described(self, where: str) -> str:
        """Returns sentences for users.

        Args:
            where: Sentence about the place of the failure.
        """
        cause = self.__cause__
        if isinstance(cause, (EOFError, ConnectionError)):
            where += " The process of a sub-environment has died."
        return (
            f"`{self.call}` of the environment raised "
            f"{type(cause).__name__}: {cause}. {where}"
        )


class Slots(abc.ABC):
    """N sub-environments. A slot plays one trajectory after another.

    Attributes:
        num_envs: N, the number of sub-environments.
        partial_reset: Whether some slots can be reset, each with its own seed,
            while the others continue. If not, all are reset together.
        can_restart: Whether `restart` can restart sub-environments.
        observations: The latest observation of each slot.
    """

    num_envs: int
    partial_reset: bool
    can_restart: bool
    observations: ObservationBuffer

    @abc.abstractmethod
    def begin(self) -> None:
        """Discards the state of earlier use, which may be another user's."""

    @abc.abstractmethod
    def reset(self, slots: Sequence[int], seeds: Sequence[int]) -> None:
        """Starts a new episode in each of `slots`, with one seed per slot.

        Raises:
            SlotError: If a sub-environment fails.
        """

    @abc.abstractmethod
    def step(self, slots: np.ndarray, actions: list[np.ndarray]) -> StepResult:
        """Steps `slots`.

        Args:
            slots: Indices of the slots to step.
            actions: One array per leaf, with one action for each of the N
                slots.

        Returns:
            Rewards, terminated and truncated of `slots`, in their order.

        Raises:
            SlotError: If a sub-environment fails.
        """

    @abc.abstractmethod
    def restart(self, failed: Sequence[int] | None) -> None:
        """Restarts sub-environments, which must be reset before use.

        Args:
            failed: As in `SlotError`. None restarts all of them.
        """

    def first_observations(self) -> list[np.ndarray] | None:
        """Returns the first observations, one array per leaf.

        It returns None if a reset fails. Playing then raises the error.
        """
        self.begin()
        try:
            self.reset(range(self.num_envs), range(self.num_envs))
        except SlotError:
            return None
        return [leaf.copy() for leaf in self.observations.leaves]

    @abc.abstractmethod
    def close(self) -> None:
        """Closes the environments that this object owns."""
