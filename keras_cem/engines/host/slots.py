"""Sub-environments that are stepped together."""

import abc
import contextlib
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from keras_cem import spaces
from keras_cem.engines.host.gymnasium_results import (
    as_interface_error,
    begun,
    flag,
    no_step,
    number,
)
from keras_cem.engines.host.observation_buffer import ObservationBuffer
from keras_cem.saving import interrupts
from keras_cem.utils.closing import close_env

StepResult = tuple[np.ndarray, np.ndarray, np.ndarray]


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


class Slots(abc.ABC):
    """N sub-environments. A slot plays one trajectory after another.

    Attributes:
        num_envs: N, the number of sub-environments.
        partial_reset: Whether some slots can be reset, each with its own seed,
            while the others continue. If not, all are reset together.
        renewable: Whether `renew` can restart sub-environments.
        observations: The latest observation of each slot.
    """

    num_envs: int
    partial_reset: bool
    renewable: bool
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
    def renew(self, failed: Sequence[int] | None) -> None:
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


class SubEnvSlots(Slots):
    """Single environments in this process; only used slots are stepped.

    Args:
        envs: gymnasium environments.
        observation_space: Space of one observation.
        action_space: Space of one action.
        owned: Whether `close` closes the environments.
        makers: Functions that make each environment again. Defaults to `None`:
            no restarts.
    """

    partial_reset = True

    def __init__(
        self,
        envs: Sequence[Any],
        observation_space: spaces.Space,
        action_space: spaces.Space,
        owned: bool,
        makers: Sequence[Callable[[], Any]] | None = None,
    ):
        self.num_envs = len(envs)
        self.renewable = makers is not None
        self.observations = ObservationBuffer(observation_space, len(envs))
        self._envs = list(envs)
        self._action_space = action_space
        self._owned = owned
        self._makers = makers

    def begin(self) -> None:
        pass  # Each slot is reset separately before use.

    def reset(self, slots: Sequence[int], seeds: Sequence[int]) -> None:
        failures: dict[int, Exception] = {}
        for slot, seed in zip(slots, seeds, strict=True):
            if interrupts.pending:
                interrupts.check()
            try:
                result = self._envs[slot].reset(seed=seed)
                self.observations.write(slot, begun(result))
            except Exception as error:
                failures[slot] = error
        if failures:
            raise _failure("reset", failures)

    def step(self, slots: np.ndarray, actions: list[np.ndarray]) -> StepResult:
        # Lists, because appending is faster than setting array elements.
        rewards, terminated, truncated = [], [], []
        failures: dict[int, Exception] = {}
        write, envs = self.observations.write, self._envs
        single = self._one_action(actions)
        pending = interrupts.pending
        for slot in slots.tolist():
            if pending:
                interrupts.check()
            try:
                result = envs[slot].step(single(slot))
                try:
                    observation, reward, terminal, cut, _ = result
                except (TypeError, ValueError):
                    raise no_step(result) from None
                write(slot, observation)
                if type(terminal) is not bool or type(cut) is not bool:
                    terminal = flag("terminated", terminal)
                    cut = flag("truncated", cut)
                if not isinstance(reward, (float, int)):
                    reward = number(reward)
                ended = bool(terminal), bool(cut)
                rewards.append(float(reward))
            except Exception as error:
                failures[slot] = error
                rewards.append(0.0)
                ended = False, False
            terminated.append(ended[0])
            truncated.append(ended[1])
        results = (
            np.array(rewards, np.float32),
            np.array(terminated, bool),
            np.array(truncated, bool),
        )
        if failures:
            raise _failure("step", failures, results)
        return results

    def _one_action(self, actions: list[np.ndarray]) -> Callable[[int], Any]:
        if isinstance(self._action_space, spaces.Leaf):
            return actions[0].__getitem__
        pack = self._action_space.pack
        return lambda slot: pack([leaf[slot] for leaf in actions])

    def renew(self, failed: Sequence[int] | None) -> None:
        if self._makers is None:
            raise RuntimeError("These sub-environments cannot be made anew.")
        for slot in range(self.num_envs) if failed is None else failed:
            with contextlib.suppress(Exception):
                # It has failed already, so a failing close says nothing new.
                self._envs[slot].close()
            self._envs[slot] = self._makers[slot]()

    def close(self) -> None:
        if self._owned:
            for env in self._envs:
                close_env(env)


def _failure(
    call: str,
    failures: dict[int, Exception],
    result: StepResult | None = None,
) -> SlotError:
    first, cause = next(iter(failures.items()))
    error = SlotError(call, first, list(failures), result)
    error.__cause__ = as_interface_error(call, cause)
    return error


class VectorSlots(Slots):
    """A gymnasium vector environment; each step steps all sub-environments.

    Episodes end in one of gymnasium's three autoreset modes. The results of
    unused slots are dropped, and so are steps that only reset.

    Args:
        env: A `gymnasium.vector.VectorEnv`.
        observation_space: Space of one observation.
        action_space: Space of one action.
        partial_reset: Whether `env` takes a list of seeds and resets only the
            sub-environments in `options["reset_mask"]`.
        disabled_autoreset: Whether `env` waits for a reset after an episode.
        same_step_autoreset: Whether the step that ends an episode also resets,
            so that its observation belongs to the next episode. The last one is
            in `info["final_obs"]` then. Defaults to `False`.
        owned: Whether `close` closes `env`.
        make: Function that makes `env` again. Defaults to `None`: no restarts.
    """

    def __init__(
        self,
        env: Any,
        observation_space: spaces.Space,
        action_space: spaces.Space,
        *,
        partial_reset: bool,
        disabled_autoreset: bool,
        same_step_autoreset: bool = False,
        owned: bool,
        make: Callable[[], Any] | None = None,
    ):
        self.num_envs = env.num_envs
        self.renewable = make is not None
        self.partial_reset = partial_reset
        self.observations = ObservationBuffer(observation_space, env.num_envs)
        self._env = env
        self._action_space = action_space
        self._disabled_autoreset = disabled_autoreset
        self._same_step_autoreset = same_step_autoreset
        self._owned = owned
        self._make = make
        self._begun = False
        self._over = np.zeros(env.num_envs, bool)

    def begin(self) -> None:
        self._begun = False

    def reset(self, slots: Sequence[int], seeds: Sequence[int]) -> None:
        try:
            if not self.partial_reset:
                observations, _ = self._env.reset(seed=seeds[0])
            elif not self._begun:
                observations, _ = self._env.reset(seed=self._all(slots, seeds))
            else:
                observations, _ = self._env.reset(
                    seed=self._all(slots, seeds),
                    options={"reset_mask": self._mask(slots)},
                )
            self.observations.write_all(observations)
        except Exception as error:
            raise SlotError("reset", _culprit(error)) from as_interface_error(
                "reset", error
            )
        if self.partial_reset and self._begun:
            self._over[list(slots)] = False
        else:
            self._over[:] = False
        self._begun = True

    def step(self, slots: np.ndarray, actions: list[np.ndarray]) -> StepResult:
        try:
            if self._disabled_autoreset and self._over.any():
                # These slots are unused, but `env` refuses to step them without
                # a reset.
                self._env.reset(options={"reset_mask": self._over.copy()})
            result = self._env.step(self._action_space.pack(actions))
            observations, rewards, terminated, truncated, info = result
            self.observations.write_all(observations)
            if self._same_step_autoreset:
                self._write_final(info)
        except Exception as error:
            raise SlotError("step", _culprit(error)) from as_interface_error(
                "step", error
            )
        self._over = np.logical_or(terminated, truncated)
        return (
            np.asarray(rewards, np.float32)[slots],
            np.asarray(terminated, bool)[slots],
            np.asarray(truncated, bool)[slots],
        )

    def _write_final(self, info: dict[str, Any]) -> None:
        """Stores the last observations of episodes that just ended."""
        for slot in np.flatnonzero(info.get("_final_obs", ())).tolist():
            self.observations.write(slot, info["final_obs"][slot])

    def _mask(self, slots: Sequence[int]) -> np.ndarray:
        mask = np.zeros(self.num_envs, bool)
        mask[list(slots)] = True
        return mask

    def _all(
        self, slots: Sequence[int], seeds: Sequence[int]
    ) -> list[int | None]:
        everyone: list[int | None] = [None] * self.num_envs
        for slot, seed in zip(slots, seeds, strict=True):
            everyone[slot] = seed
        return everyone

    def renew(self, failed: Sequence[int] | None) -> None:
        del failed  # The state of the other slots is unknown after a failure.
        if self._make is None:
            raise RuntimeError("This vector environment cannot be made anew.")
        with contextlib.suppress(Exception):
            self._env.close()
        self._env = self._make()
        self._begun = False

    def close(self) -> None:
        if self._owned:
            close_env(self._env)


def _culprit(error: Exception) -> int | None:
    """The index of the failed sub-environment, if the error names it."""
    return getattr(error, "sub_env", None)
