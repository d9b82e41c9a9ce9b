"""K trajectories while they are being played."""

from collections.abc import Callable, Sequence

import numpy as np

from keras_cem.engines.host import zero_copy
from keras_cem.engines.host.environment import EpisodeError, HostEnvironment
from keras_cem.engines.host.slots import SlotError
from keras_cem.engines.host.step_storage import StepStorage
from keras_cem.engines.trajectories import Trajectories
from keras_cem.saving import interrupts
from keras_cem.utils import activity, nonfinite
from keras_cem.utils.nonfinite import Fault

# Takes observations (one array per leaf) and int32 `(2, N)`: trajectory and
# step of each slot. Returns actions (one array per leaf) and a mask of the rows
# with finite outputs.
Act = Callable[
    [list[np.ndarray], np.ndarray], tuple[list[np.ndarray], np.ndarray]
]

_NO_SLOTS = np.zeros(0, np.int64)


class Collection:
    """Plays one whole episode for each seed.

    Args:
        env: The environment.
        act: The policy.
        seeds: Reset seeds of the K trajectories.
        first: Number of the first trajectory, for `act`.
        skip_nonfinite: As in `HostSource.collect`.
        clip: As in `HostSource.collect`.
    """

    def __init__(
        self,
        env: HostEnvironment,
        act: Act,
        seeds: Sequence[int],
        first: int,
        skip_nonfinite: bool,
        clip: bool,
    ):
        self._env = env
        self._skip = skip_nonfinite
        self._clip = clip
        self._reported: dict[int, EpisodeError] = {}
        self._slots = env.slots
        self._num_slots = env.slots.num_envs
        self._act = act
        self._seeds = seeds
        self._first = first
        self._started = 0
        size = len(seeds)
        self._stored = StepStorage(
            env.name,
            env.observation_space,
            env.action_space,
            size,
            env.max_episode_steps,
        )
        self._lengths = np.zeros(size, np.int32)
        self._terminated = np.zeros(size, bool)
        # Trajectory and step of each slot.
        self._counter = zero_copy.zeros((2, self._slots.num_envs), np.int32)
        self._shift = np.array([[first], [0]], np.int32)
        self._reset_together = _NO_SLOTS  # If `partial_reset` is false.
        self._continue_with(_NO_SLOTS)

    def run(self) -> Trajectories:
        """Plays the episodes; see `HostSource.collect`."""
        self._slots.begin()
        self._start(np.arange(self._slots.num_envs))
        while self._live.size:
            if interrupts.pending:
                interrupts.check()
            activity.report_steps(self._lengths, self._counter[1], self._live)
            free = self._step()
            if free.size:
                self._start(free)
        if len(self._reported) == len(self._seeds):
            self._reported[0].played = self._result()
            raise self._reported[0]
        return self._result()

    def _continue_with(self, live: np.ndarray) -> None:
        """Sets the slots that continue to play."""
        self._live = live
        trajectories, steps = self._counter
        begin = self._stored.rows(trajectories[live])
        self._rows = begin + steps[live]
        self._last_rows = begin + (self._env.max_episode_steps - 1)
        # Number of steps that fit before the storage must grow.
        self._room = self._stored.steps - int(steps[live].max(initial=0))
        # If all slots play, no rows need to be selected.
        self._picked = slice(None) if len(live) == self._num_slots else live

    def _start(self, free: np.ndarray) -> None:
        """Gives the next trajectories to free slots."""
        while free.size:
            if not self._slots.partial_reset:
                every = np.arange(self._slots.num_envs)
                free = _NO_SLOTS if self._live.size else every
            free = free[: len(self._seeds) - self._started]
            if not free.size:
                self._continue_with(self._live)
                return
            begin, self._started = self._started, self._started + len(free)
            self._counter[0, free] = np.arange(begin, self._started)
            self._live = np.sort(np.concatenate([self._live, free]))
            self._reset_together = free
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
                slots = self._restart(error)
        invalid = self._check_observations(self._live)
        if invalid.size:
            self._live = np.setdiff1d(self._live, invalid)
        self._continue_with(self._live)
        return invalid

    def _step(self) -> np.ndarray:
        """Steps the live slots; returns the slots whose trajectories ended.

        Each array operation costs time per step (`benchmarks/host_rollout.py`).
        """
        if not self._room:
            self._stored.grow()
            self._continue_with(self._live)
        live, rows, picked = self._live, self._rows, self._picked
        observations = self._slots.observations.leaves
        counter = self._counter
        actions, finite = self._act(
            observations, counter + self._shift if self._first else counter
        )
        free = _NO_SLOTS
        # `count_nonzero` takes a quarter of the time of `all` and `any`.
        if np.count_nonzero(finite) < len(finite):
            free = self._end_invalid(Fault.OUTPUT, live[~finite[live]])
            self._continue_with(live[finite[live]])
            live, rows, picked = self._live, self._rows, self._picked
            # A vector environment steps all slots, even the ended ones.
            actions = [np.nan_to_num(leaf) for leaf in actions]
        kept = self._stored
        for stored, leaf in zip(kept.observations, observations, strict=True):
            stored[rows] = leaf[picked]
        for stored, leaf in zip(kept.actions, actions, strict=True):
            stored[rows] = leaf[picked]
        if self._clip:
            actions = self._env.action_space.clip_leaves(actions)
        broken = None
        try:
            result = self._slots.step(live, actions)
        except SlotError as error:
            broken = self._restart(error)
            if error.result is None:
                return np.concatenate([free, self._begin(broken)])
            result = error.result
        rewards, terminated, truncated = result
        kept.rewards[rows] = rewards
        over = terminated | truncated | (rows == self._last_rows)
        fine = np.isfinite(rewards)
        if np.count_nonzero(fine) < len(fine):
            self._report_fault(Fault.REWARD, live[~fine], rewards[~fine])
            over |= ~fine
        if broken is not None:
            over &= ~np.isin(live, broken)
        self._rows = rows + 1
        self._room -= 1
        # The step counts of unused slots increase too. They have no meaning.
        counter[1] += 1
        if np.count_nonzero(over):
            ended = live[over]
            trajectory = counter[0, ended]
            self._lengths[trajectory] = counter[1, ended]
            self._terminated[trajectory] = terminated[over]
            for final, leaf in zip(
                kept.final_observations, observations, strict=True
            ):
                final[trajectory] = leaf[ended]
            self._live = live[~over]
            free = np.concatenate([free, ended])
        invalid = self._check_observations(self._live)
        if invalid.size:
            self._live = np.setdiff1d(self._live, invalid)
            free = np.concatenate([free, invalid])
        if broken is not None:
            free = np.concatenate([free, self._begin(broken)])
        return free

    def _restart(self, error: SlotError) -> np.ndarray:
        """Restarts failed slots; returns slots whose trajectories restart."""
        self._env.restart(error, self._reason)
        if error.failed is not None:
            return np.array(error.failed)
        if not self._slots.partial_reset:
            # Slots that have ended restart too: they may share random state
            # with the others.
            self._live = self._reset_together
        return self._live

    def _result(self) -> Trajectories:
        env = self._env
        observations, actions, rewards = self._stored.take(
            int(self._lengths.max())
        )
        return Trajectories(
            observations=env.observation_space.pack(observations),
            actions=env.action_space.pack(actions),
            rewards=rewards,
            mask=np.arange(rewards.shape[1]) < self._lengths[:, None],
            terminated=self._terminated,
            final_observations=env.observation_space.pack(
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
        return self._end_invalid(Fault.OBSERVATION, bad) if bad.size else bad

    def _end_invalid(self, fault: Fault, slots: np.ndarray) -> np.ndarray:
        """Ends trajectories with a nonfinite value; returns their slots."""
        self._report_fault(fault, slots)
        # The marked reward needs at least one step.
        trajectory, steps = self._counter[:, slots]
        last = np.maximum(steps - 1, 0)
        rows = self._stored.rows(trajectory) + last
        self._stored.rewards[rows] = nonfinite.MARK
        self._lengths[trajectory] = last + 1
        return slots

    def _report_fault(
        self,
        fault: Fault,
        slots: np.ndarray,
        values: np.ndarray | None = None,
    ) -> None:
        """Raises for nonfinite values of slots, or notes them to skip them.

        Args:
            fault: What is not finite.
            slots: The slots.
            values: The value of each slot, for the message. Defaults to `None`:
                the message shows no value.
        """
        how = "not finite"
        if fault is Fault.OBSERVATION and self._slots.observations.is_double:
            how = "not finite in float32"
        for index, slot in enumerate(slots.tolist()):
            value = "" if values is None else f" {values[index]},"
            error = EpisodeError(
                f"the {fault.what} is{value} {how}. {self._where(slot)} "
                "The weights are unchanged."
            )
            if not self._skip:
                raise error
            self._reported[self._counter[0, slot]] = error

    def _reason(self, error: SlotError) -> str:
        if error.slot is None:
            first = self._first + min(self._counter[0, self._live], default=0)
            where = f"Environment {self._env.name}, near trajectory {first}."
        else:
            where = self._where(error.slot)
        return error.described(where)

    def _where(self, slot: int) -> str:
        where = f"Environment {self._env.name}, sub-environment {slot}, "
        if slot not in self._live:
            return where + "outside of any trajectory."
        trajectory, step = self._counter[:, slot]
        return where + f"trajectory {self._first + trajectory}, step {step}."
