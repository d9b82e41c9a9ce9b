"""Rollouts stepped from Python: K whole episodes of any gymnasium environment.

Trajectory k does not depend on the slot that plays it, nor on the number of
slots. It starts from its own reset seed, and its exploration draws random
numbers that are keyed by (trajectory, step). All K trajectories are played to
their end. Taking the first K that finish would favor short episodes.

So if an environment fails, the interrupted trajectory can be played again with
the same result.
"""

import dataclasses
import warnings
from collections.abc import Callable, Sequence
from typing import NoReturn, Protocol, TypeVar

import numpy as np

from keras_cem import spaces
from keras_cem.engines.groups import check_starts
from keras_cem.engines.host import zero_copy
from keras_cem.engines.host.gymnasium_results import InterfaceError
from keras_cem.engines.host.slots import SlotError, Slots
from keras_cem.engines.host.step_storage import (
    StepStorage,
    check_size,
    padded_steps,
)
from keras_cem.engines.trajectories import Trajectories
from keras_cem.saving import interrupts

# Takes observations (one array per leaf) and int32 `(2, N)`: trajectory and
# step of each slot. Returns actions (one array per leaf) and a mask of the rows
# with finite outputs.
Act = Callable[
    [list[np.ndarray], np.ndarray], tuple[list[np.ndarray], np.ndarray]
]

_NOBODY = np.zeros(0, np.int64)  # No slots.


class EpisodeError(RuntimeError):
    """An episode could not be played to its end.

    Attributes:
        cause: The environment's own exception, or None if it raised none. It is
            stored because Keras' `fit` drops `__cause__`.
    """

    cause: BaseException | None = None


Made_co = TypeVar("Made_co", covariant=True)


class CollectsThenSteps(Protocol[Made_co]):
    """Makes something for steps that learn from collected episodes."""

    def collect_then_step(self, source: "HostSource") -> Made_co:
        """Returns it for steps on episodes that are played before each step."""


@dataclasses.dataclass
class HostSource:
    """An environment on the host, ready to be played.

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

    def collect(
        self,
        act: Act,
        seeds: Sequence[int],
        first: int = 0,
        *,
        skip_nonfinite: bool = False,
        clip: bool = False,
    ) -> Trajectories:
        """Plays one whole episode for each seed.

        Args:
            act: The policy.
            seeds: Reset seeds of the K trajectories.
            first: Number of the first trajectory, for `act`. Defaults to `0`.
            skip_nonfinite: Whether a nonfinite value ends its trajectory with a
                NaN or infinite return. If false, it raises. It also raises if
                no finite trajectory is left. Defaults to `False`.
            clip: Whether to clip actions to the action space for the
                environment. The returned actions are not clipped. Defaults to
                `False`.

        Returns:
            `Trajectories` of NumPy arrays, padded to the T steps of
            `step_storage.padded_steps`: `max_episode_steps`, unless that is
            very large.

        Raises:
            EpisodeError: If the environment fails more often than
                `max_env_restarts` allows. It fails if it raises, returns values
                that do not fit its spaces, or one of its processes ends or
                does not answer. Also if a value of the environment or of the
                policy's outputs is not finite. The message names the
                trajectory and the step.
            ValueError: If the machine cannot hold the played steps.
        """
        return _Collection(self, act, seeds, first, skip_nonfinite, clip).run()

    def check_size(self, batch_size: int) -> None:
        """Refuses a batch that the machine cannot hold, before playing it.

        Args:
            batch_size: K, the number of trajectories.

        Raises:
            ValueError: If even short episodes would need too much memory.
        """
        check_size(
            self.name,
            self.observation_space,
            self.action_space,
            batch_size,
            padded_steps(0, self.max_episode_steps),
            self.max_episode_steps,
        )

    def step_function(self, steps: CollectsThenSteps[Made_co]) -> Made_co:
        """Returns what `steps` makes for a source played from Python."""
        return steps.collect_then_step(self)

    def playable(self) -> "HostSource":
        """Returns the source itself, because it can be played."""
        return self

    def first_observations(self) -> list[np.ndarray] | None:
        """Resets the sub-environments and returns what they observe.

        Returns:
            One array `(N, ...)` per leaf of the observation space, or None if
            a reset fails. Playing then raises the error.
        """
        return self.slots.first_observations()

    def check_groups(
        self, episodes_per_start: int | None, episodes_per_policy: int | None
    ) -> None:
        """Refuses groups that it cannot play.

        Raises:
            ValueError: If a start cannot be shared.
        """
        del episodes_per_policy
        check_starts(
            episodes_per_start,
            self.name,
            seeded=self.seeded,
            partial_reset=self.slots.partial_reset,
        )

    def close(self) -> None:
        """Closes the environments that were opened for this source."""
        self.slots.close()


class _Collection:
    """K trajectories while they are being played."""

    def __init__(
        self,
        source: HostSource,
        act: Act,
        seeds: Sequence[int],
        first: int,
        skip_nonfinite: bool,
        clip: bool,
    ):
        self._source = source
        self._skip = skip_nonfinite
        self._clip = clip
        self._complaints: dict[int, EpisodeError] = {}
        self._slots = source.slots
        self._num_slots = source.slots.num_envs
        self._act = act
        self._seeds = seeds
        self._first = first
        self._started = 0
        size = len(seeds)
        self._stored = StepStorage(
            source.name,
            source.observation_space,
            source.action_space,
            size,
            source.max_episode_steps,
        )
        self._lengths = np.zeros(size, np.int32)
        self._terminated = np.zeros(size, bool)
        # Trajectory and step of each slot.
        self._counter = zero_copy.zeros((2, self._slots.num_envs), np.int32)
        self._shift = np.array([[first], [0]], np.int32)
        # Slots that were reset together, if `partial_reset` is false.
        self._wave = _NOBODY
        self._go_on_with(_NOBODY)

    def run(self) -> Trajectories:
        self._slots.begin()
        self._start(np.arange(self._slots.num_envs))
        while self._live.size:
            if interrupts.pending:
                interrupts.check()
            free = self._step()
            if free.size:
                self._start(free)
        if len(self._complaints) == len(self._seeds):
            raise self._complaints[0]
        return self._result()

    def _go_on_with(self, live: np.ndarray) -> None:
        """Sets the slots that continue to play."""
        self._live = live
        begin, steps = (
            self._stored.rows(self._counter[0, live]),
            self._counter[1],
        )
        self._rows = begin + steps[live]
        self._last_rows = begin + (self._source.max_episode_steps - 1)
        # Number of steps that fit before the storage must grow.
        self._room = self._stored.steps - int(steps[live].max(initial=0))
        # If all slots play, no rows need to be selected.
        self._picked = slice(None) if len(live) == self._num_slots else live

    def _start(self, free: np.ndarray) -> None:
        """Gives the next trajectories to free slots."""
        while free.size:
            if not self._slots.partial_reset:
                if self._live.size:
                    return
                free = np.arange(self._slots.num_envs)
            free = free[: len(self._seeds) - self._started]
            if not free.size:
                return
            begin, self._started = self._started, self._started + len(free)
            self._counter[0, free] = np.arange(begin, self._started)
            self._live = np.sort(np.concatenate([self._live, free]))
            self._wave = free
            free = self._begin(free)

    def _begin(self, slots: np.ndarray) -> np.ndarray:
        """Resets slots to the start of their trajectories.

        Returns:
            Slots whose first observation is not finite. Their trajectories have
            ended.
        """
        partial = self._slots.partial_reset
        while slots.size:
            self._counter[1, slots if partial else slice(None)] = 0
            seeds = [self._seeds[k] for k in self._counter[0, slots].tolist()]
            begun, slots = slots, slots[:0]
            try:
                self._slots.reset(begun.tolist(), seeds)
            except SlotError as error:
                slots = self._renew(error)
        spoilt = self._check_observations(self._live)
        if spoilt.size:
            self._live = np.setdiff1d(self._live, spoilt)
        self._go_on_with(self._live)
        return spoilt

    def _step(self) -> np.ndarray:
        """Steps the live slots; returns the slots whose trajectories ended.

        Each array operation costs time once per step of all slots.
        `benchmarks/host_rollout.py` measures it.
        """
        if not self._room:
            self._stored.grow()
            self._go_on_with(self._live)
        live, rows, picked = self._live, self._rows, self._picked
        observations = self._slots.observations.leaves
        counter = self._counter
        actions, finite = self._act(
            observations, counter + self._shift if self._first else counter
        )
        free = _NOBODY
        if not finite.all():
            free = self._spoil("the policy's outputs are", live[~finite[live]])
            self._go_on_with(live[finite[live]])
            live, rows, picked = self._live, self._rows, self._picked
            # A vector environment steps all slots, even the ended ones.
            actions = [np.nan_to_num(leaf) for leaf in actions]
        kept = self._stored
        for stored, leaf in zip(kept.observations, observations, strict=True):
            stored[rows] = leaf[picked]
        for stored, leaf in zip(kept.actions, actions, strict=True):
            stored[rows] = leaf[picked]
        if self._clip:
            actions = self._source.action_space.clip_leaves(actions)
        broken = None
        try:
            result = self._slots.step(live, actions)
        except SlotError as error:
            broken = self._renew(error)
            if error.result is None:
                return np.concatenate([free, self._begin(broken)])
            result = error.result
        rewards, terminated, truncated = result
        kept.rewards[rows] = rewards
        over = terminated | truncated | (rows == self._last_rows)
        fine = np.isfinite(rewards)
        if not fine.all():
            value = rewards[~fine][0]
            self._complain(f"the reward is {value},", live[~fine])
            over |= ~fine
        if broken is not None:
            over &= ~np.isin(live, broken)
        self._rows = rows + 1
        self._room -= 1
        # The step counts of unused slots increase too. They have no meaning.
        counter[1] += 1
        if over.any():
            ended = live[over]
            trajectory = counter[0, ended]
            self._lengths[trajectory] = counter[1, ended]
            self._terminated[trajectory] = terminated[over]
            for final, leaf in zip(
                kept.final_observations, observations, strict=True
            ):
                final[trajectory] = leaf[ended]
            self._go_on_with(live[~over])
            free = np.concatenate([free, ended])
        spoilt = self._check_observations(self._live)
        if spoilt.size:
            self._go_on_with(np.setdiff1d(self._live, spoilt))
            free = np.concatenate([free, spoilt])
        if broken is not None:
            free = np.concatenate([free, self._begin(broken)])
        return free

    def _renew(self, error: SlotError) -> np.ndarray:
        """Restarts failed slots; returns slots whose trajectories restart."""
        source, slots = self._source, self._slots
        failed = error.failed
        count = 1 if failed is None else len(failed)
        while True:
            left = source.max_env_restarts - source.num_env_restarts
            if count > left or isinstance(error.__cause__, InterfaceError):
                # A restart does not cure a violated interface.
                self._fail(error)
            source.num_env_restarts += count
            warnings.warn(
                f"{self._reason(error)} It is made anew, and what it broke off "
                f"is played again: restart {source.num_env_restarts} of at "
                f"most {source.max_env_restarts}.",
                RuntimeWarning,
                stacklevel=2,
            )
            try:
                slots.renew(failed)
                break
            except Exception as cause:
                error = SlotError("making", None, failed)
                error.__cause__ = cause
        if failed is not None:
            return np.array(failed)
        if not slots.partial_reset:
            # Slots that have ended restart too: they may share random state
            # with the others.
            self._live = self._wave
        return self._live

    def _result(self) -> Trajectories:
        source = self._source
        observations, actions, rewards = self._stored.take(
            int(self._lengths.max())
        )
        return Trajectories(
            observations=source.observation_space.pack(observations),
            actions=source.action_space.pack(actions),
            rewards=rewards,
            mask=np.arange(rewards.shape[1]) < self._lengths[:, None],
            terminated=self._terminated,
            final_observations=source.observation_space.pack(
                self._stored.final_observations
            ),
        )

    def _check_observations(self, slots: np.ndarray) -> np.ndarray:
        """Returns the slots with an observation that is not finite.

        Raises:
            EpisodeError: If an observation is outside of the observation space,
                or it is not finite and such episodes are not skipped.
        """
        fault = self._slots.observations.outside(slots)
        if fault is not None:
            slot, message = fault
            raise EpisodeError(f"{message}. {self._where(slot)}")
        bad = self._slots.observations.not_finite(slots)
        return self._spoil("the observation is", bad) if bad.size else bad

    def _spoil(self, what: str, slots: np.ndarray) -> np.ndarray:
        """Ends trajectories with a nonfinite value; returns their slots."""
        self._complain(what, slots)
        # A NaN reward marks the trajectory. It has at least one step to hold
        # the reward.
        trajectory, steps = self._counter[:, slots]
        last = np.maximum(steps - 1, 0)
        self._stored.rewards[self._stored.rows(trajectory) + last] = np.nan
        self._lengths[trajectory] = last + 1
        return slots

    def _complain(self, what: str, slots: np.ndarray) -> None:
        for slot in slots.tolist():
            complaint = EpisodeError(
                f"{what} not finite. {self._where(slot)} "
                "The weights stay what they were."
            )
            if not self._skip:
                raise complaint
            self._complaints[self._counter[0, slot]] = complaint

    def _fail(self, error: SlotError) -> NoReturn:
        source, cause = self._source, error.__cause__
        why = ""
        if not self._slots.renewable:
            why = (
                " It was given ready-made and cannot be made anew; an id or a "
                "callable that makes it could."
            )
        elif source.num_env_restarts:
            why = (
                f" It was made anew {source.num_env_restarts} times before, of "
                f"at most max_env_restarts={source.max_env_restarts}."
            )
        failure = EpisodeError(self._reason(error) + why)
        failure.cause = cause
        raise failure from cause

    def _reason(self, error: SlotError) -> str:
        cause = error.__cause__
        if error.slot is None:
            first = self._first + min(self._counter[0, self._live], default=0)
            where = (
                f"Environment {self._source.name}, trajectory about {first}."
            )
        else:
            where = self._where(error.slot)
        if isinstance(cause, (EOFError, ConnectionError)):
            where += " A process that runs sub-environments has died."
        return (
            f"`{error.call}` of the environment raised "
            f"{type(cause).__name__}: {cause}. {where}"
        )

    def _where(self, slot: int) -> str:
        where = f"Environment {self._source.name}, sub-environment {slot}, "
        if slot not in self._live:
            return where + "where no trajectory was under way."
        trajectory, step = self._counter[:, slot]
        return where + f"trajectory {self._first + trajectory}, step {step}."
