"""A gymnasium vector environment as slots."""

import contextlib
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from keras_cem import spaces
from keras_cem.engines.host.gymnasium_results import (
    as_interface_error,
    bad_step_error,
    flag_row,
    reset_observation,
    reward_row,
)
from keras_cem.engines.host.observation_buffer import ObservationBuffer
from keras_cem.engines.host.slots import (
    SlotError,
    Slots,
    StepResult,
    VectorEnv,
)
from keras_cem.utils.closing import close_env


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
        env: VectorEnv,
        observation_space: spaces.Space,
        action_space: spaces.Space,
        *,
        partial_reset: bool,
        disabled_autoreset: bool,
        same_step_autoreset: bool = False,
        owned: bool,
        make: Callable[[], VectorEnv] | None = None,
    ):
        self.num_envs = env.num_envs
        self.can_restart = make is not None
        self.partial_reset = partial_reset
        self.observations = ObservationBuffer(observation_space, env.num_envs)
        self._env = env
        self._action_space = action_space
        self._disabled_autoreset = disabled_autoreset
        self._same_step_autoreset = same_step_autoreset
        self._owned = owned
        self._make = make
        self._has_begun = False
        self._over = np.zeros(env.num_envs, bool)

    def begin(self) -> None:
        self._has_begun = False

    def reset(self, slots: Sequence[int], seeds: Sequence[int]) -> None:
        try:
            if not self.partial_reset:
                result = self._env.reset(seed=seeds[0])
            elif not self._has_begun:
                result = self._env.reset(seed=self._all(slots, seeds))
            else:
                result = self._env.reset(
                    seed=self._all(slots, seeds),
                    options={"reset_mask": self._mask(slots)},
                )
            self.observations.write_all(reset_observation(result))
        except Exception as error:
            raise SlotError("reset", _culprit(error)) from as_interface_error(
                "reset", error
            )
        if self.partial_reset and self._has_begun:
            self._over[list(slots)] = False
        else:
            self._over[:] = False
        self._has_begun = True

    def step(self, slots: np.ndarray, actions: list[np.ndarray]) -> StepResult:
        try:
            if self._disabled_autoreset and self._over.any():
                # These slots are unused, but `env` refuses to step them without
                # a reset.
                self._env.reset(options={"reset_mask": self._over.copy()})
            result = self._env.step(self._action_space.pack(actions))
            try:
                observations, rewards, terminated, truncated, info = result
            except (TypeError, ValueError):
                raise bad_step_error(result) from None
            rewards = reward_row(rewards, self.num_envs)
            terminated = flag_row("terminated", terminated, self.num_envs)
            truncated = flag_row("truncated", truncated, self.num_envs)
            self.observations.write_all(observations)
            if self._same_step_autoreset:
                self._write_final(info)
        except Exception as error:
            raise SlotError("step", _culprit(error)) from as_interface_error(
                "step", error
            )
        self._over = terminated | truncated
        return rewards[slots], terminated[slots], truncated[slots]

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

    def restart(self, failed: Sequence[int] | None) -> None:
        del failed  # The state of the other slots is unknown after a failure.
        if self._make is None:
            raise RuntimeError(
                "This vector environment cannot be created again."
            )
        with contextlib.suppress(Exception):
            self._env.close()
        self._env = self._make()
        self._has_begun = False

    def close(self) -> None:
        if self._owned:
            close_env(self._env)


def _culprit(error: Exception) -> int | None:
    """The index of the failed sub-environment, if the error names it."""
    return getattr(error, "sub_env", None)
