"""Sub-environments to play episodes in, stepped together."""

import abc
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from keras_cem import spaces
from keras_cem.rollouts.observations import ObservationBuffer

StepResult = tuple[np.ndarray, np.ndarray, np.ndarray]


class SlotError(Exception):
    """A sub-environment failed; `__cause__` says how.

    Attributes:
        call: `"reset"` or `"step"`.
        slot: Index of the sub-environment, None where it is not known.
    """

    def __init__(self, call: str, slot: int | None):
        super().__init__(call, slot)
        self.call = call
        self.slot = slot


class Slots(abc.ABC):
    """N sub-environments. A slot plays one trajectory after another.

    Attributes:
        num_envs: N.
        partial_reset: Whether some slots can be reset, each by its own seed,
            while the others go on. If not, all are reset together.
        observations: The latest observation of each slot.
    """

    num_envs: int
    partial_reset: bool
    observations: ObservationBuffer

    @abc.abstractmethod
    def begin(self) -> None:
        """Forgets what was played before, perhaps by others meanwhile."""

    @abc.abstractmethod
    def reset(self, slots: Sequence[int], seeds: Sequence[int]) -> None:
        """Starts a new episode in each of `slots`."""

    @abc.abstractmethod
    def step(self, slots: np.ndarray, actions: list[np.ndarray]) -> StepResult:
        """Steps `slots`, given one action for every slot of all N.

        Returns:
            Rewards, terminated, truncated of `slots`, in their order.
        """

    @abc.abstractmethod
    def close(self) -> None:
        """Ends what this object started itself."""


class SubEnvSlots(Slots):
    """Single environments in this process; only those in use are stepped.

    Args:
        envs: gymnasium environments.
        observation_space: Space of one observation.
        action_space: Space of one action.
        owned: Whether `close` closes the environments.
    """

    partial_reset = True

    def __init__(
        self,
        envs: Sequence[Any],
        observation_space: spaces.Space,
        action_space: spaces.Space,
        owned: bool,
    ):
        self.num_envs = len(envs)
        self.observations = ObservationBuffer(observation_space, len(envs))
        self._envs = list(envs)
        self._action_space = action_space
        self._owned = owned

    def begin(self) -> None:
        pass  # Each slot is reset before it is used, alone.

    def reset(self, slots: Sequence[int], seeds: Sequence[int]) -> None:
        for slot, seed in zip(slots, seeds, strict=True):
            try:
                observation, _ = self._envs[slot].reset(seed=seed)
                self.observations.write(slot, observation)
            except Exception as error:
                raise SlotError("reset", slot) from error

    def step(self, slots: np.ndarray, actions: list[np.ndarray]) -> StepResult:
        # Lists: setting an element of an array takes longer than a list's.
        rewards, terminated, truncated = [], [], []
        write, envs = self.observations.write, self._envs
        single = self._one_action(actions)
        for slot in slots.tolist():
            try:
                result = envs[slot].step(single(slot))
                observation, reward, terminal, cut, _ = result
                write(slot, observation)
                rewards.append(float(reward))
                terminated.append(bool(terminal))
                truncated.append(bool(cut))
            except Exception as error:
                raise SlotError("step", slot) from error
        return (
            np.array(rewards, np.float32),
            np.array(terminated, bool),
            np.array(truncated, bool),
        )

    def _one_action(self, actions: list[np.ndarray]) -> Callable[[int], Any]:
        if isinstance(self._action_space, spaces.Leaf):
            return actions[0].__getitem__
        pack = self._action_space.pack
        return lambda slot: pack([leaf[slot] for leaf in actions])

    def close(self) -> None:
        if self._owned:
            for env in self._envs:
                env.close()


class VectorSlots(Slots):
    """A gymnasium vector environment; all of it is stepped each time.

    Episodes end in one of gymnasium's three autoreset modes. Where a slot is
    not in use, what it does is dropped, the step that only resets included.

    Args:
        env: A `gymnasium.vector.VectorEnv`.
        observation_space: Space of one observation.
        action_space: Space of one action.
        partial_reset: Whether `env` takes a list of seeds and resets the
            sub-environments of `options["reset_mask"]` alone.
        disabled_autoreset: Whether `env` waits to be reset after an episode.
        owned: Whether `close` closes `env`.
    """

    def __init__(
        self,
        env: Any,
        observation_space: spaces.Space,
        action_space: spaces.Space,
        *,
        partial_reset: bool,
        disabled_autoreset: bool,
        owned: bool,
    ):
        self.num_envs = env.num_envs
        self.partial_reset = partial_reset
        self.observations = ObservationBuffer(observation_space, env.num_envs)
        self._env = env
        self._action_space = action_space
        self._disabled_autoreset = disabled_autoreset
        self._owned = owned
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
            raise SlotError("reset", None) from error
        if self.partial_reset and self._begun:
            self._over[list(slots)] = False
        else:
            self._over[:] = False
        self._begun = True

    def step(self, slots: np.ndarray, actions: list[np.ndarray]) -> StepResult:
        try:
            if self._disabled_autoreset and self._over.any():
                # Nobody plays there any more, yet stepping on is not allowed.
                self._env.reset(options={"reset_mask": self._over.copy()})
            observations, rewards, terminated, truncated, _ = self._env.step(
                self._action_space.pack(actions)
            )
            self.observations.write_all(observations)
        except Exception as error:
            raise SlotError("step", None) from error
        self._over = np.logical_or(terminated, truncated)
        return (
            np.asarray(rewards, np.float32)[slots],
            np.asarray(terminated, bool)[slots],
            np.asarray(truncated, bool)[slots],
        )

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

    def close(self) -> None:
        if self._owned:
            self._env.close()
