"""Single environments in this process as slots."""

import contextlib
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from keras_cem import spaces
from keras_cem.engines.host.gymnasium_results import (
    as_interface_error,
    bad_step_error,
    flag,
    number,
    reset_observation,
)
from keras_cem.engines.host.observation_buffer import ObservationBuffer
from keras_cem.engines.host.slots import (
    SlotError,
    Slots,
    StepResult,
    SubEnv,
)
from keras_cem.saving import interrupts
from keras_cem.utils.closing import close_env


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
        envs: Sequence[SubEnv],
        observation_space: spaces.Space,
        action_space: spaces.Space,
        owned: bool,
        makers: Sequence[Callable[[], SubEnv]] | None = None,
    ):
        self.num_envs = len(envs)
        self.can_restart = makers is not None
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
                self.observations.write(slot, reset_observation(result))
            except Exception as error:
                failures[slot] = error
        if failures:
            raise _failure("reset", failures)

    def step(self, slots: np.ndarray, actions: list[np.ndarray]) -> StepResult:
        # Lists, because appending is faster than setting array elements.
        rewards, terminated, truncated = [], [], []
        failures: dict[int, Exception] = {}
        envs, buffer = self._envs, self.observations
        shape, dtype = buffer.shape, buffer.dtype
        stored, observed = [], []
        pending = interrupts.pending
        for slot, action in zip(
            slots.tolist(), self._rows(slots, actions), strict=True
        ):
            if pending:
                interrupts.check()
            try:
                result = envs[slot].step(action)
                try:
                    observation, reward, terminal, cut, _ = result
                except (TypeError, ValueError):
                    raise bad_step_error(result) from None
                fits = (
                    type(observation) is np.ndarray
                    and observation.dtype is dtype
                    and observation.shape == shape
                )
                if not fits:
                    buffer.write(slot, observation)
                if type(terminal) is not bool or type(cut) is not bool:
                    terminal = bool(flag("terminated", terminal))
                    cut = bool(flag("truncated", cut))
                if type(reward) is not float:
                    if not isinstance(reward, (float, int)):
                        reward = number(reward)
                    reward = float(reward)
            except Exception as error:
                failures[slot] = error
                reward, terminal, cut, fits = 0.0, False, False, False
            if fits:
                stored.append(slot)
                observed.append(observation)
            rewards.append(reward)
            terminated.append(terminal)
            truncated.append(cut)
        if observed:
            # The usual case, for all of them at once.
            buffer.write_rows(stored, observed)
        results = (
            np.array(rewards, np.float32),
            np.array(terminated, bool),
            np.array(truncated, bool),
        )
        if failures:
            raise _failure("step", failures, results)
        return results

    def _rows(
        self, slots: np.ndarray, actions: list[np.ndarray]
    ) -> Iterable[Any]:
        """Returns the action of each slot."""
        if len(slots) < self.num_envs:
            actions = [leaf[slots] for leaf in actions]
        if isinstance(self._action_space, spaces.Leaf):
            return actions[0]
        return map(self._action_space.pack, zip(*actions, strict=True))

    def restart(self, failed: Sequence[int] | None) -> None:
        if self._makers is None:
            raise RuntimeError(
                "These sub-environments cannot be created again."
            )
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
