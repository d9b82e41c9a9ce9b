"""Rollouts stepped from Python: K whole episodes of any gymnasium environment.

Trajectory k is the same whichever slot plays it and however many there are:
it starts from its own reset seed, and its exploration draws numbers that
belong to (trajectory, step). All K trajectories are played to their end, so
that short episodes are not favoured, as "the first K that finish" would.
"""

import dataclasses
from collections.abc import Callable, Sequence

import numpy as np

from keras_cem import spaces
from keras_cem.rollouts import lending
from keras_cem.rollouts.slots import SlotError, Slots
from keras_cem.trajectories import Trajectories

# Takes observations (one array a leaf) and int32 `(2, N)`: trajectory and step
# of each slot. Returns actions (one array a leaf) and which rows were finite.
Act = Callable[
    [list[np.ndarray], np.ndarray], tuple[list[np.ndarray], np.ndarray]
]


class EpisodeError(RuntimeError):
    """An episode could not be played to its end.

    Attributes:
        cause: The environment's own exception, None where it raised none. That
            of `raise ... from` is dropped by Keras' `fit`.
    """

    cause: BaseException | None = None


@dataclasses.dataclass
class HostSource:
    """An environment on the host, ready to be played.

    Attributes:
        name: What error messages call the environment.
        slots: The sub-environments.
        observation_space: Space of one observation.
        action_space: Space of one action.
        max_episode_steps: T, after which every episode is truncated.
    """

    name: str
    slots: Slots
    observation_space: spaces.Space
    action_space: spaces.Space
    max_episode_steps: int

    def collect(
        self, act: Act, seeds: Sequence[int], first: int = 0
    ) -> Trajectories:
        """Plays one whole episode for each seed.

        Args:
            act: The policy.
            seeds: Reset seeds of the K trajectories.
            first: Number of the first trajectory, for `act`. Defaults to `0`.

        Returns:
            `Trajectories` of NumPy arrays, `(K, max_episode_steps, ...)`.

        Raises:
            EpisodeError: If the environment raises, returns what does not fit
                its spaces, or what is not finite; or if the policy's outputs
                are not finite. Says in which trajectory and step.
        """
        return _Collection(self, act, seeds, first).run()

    def close(self) -> None:
        """Closes what was opened for this source."""
        self.slots.close()


class _Collection:
    """K trajectories while they are being played."""

    def __init__(
        self, source: HostSource, act: Act, seeds: Sequence[int], first: int
    ):
        self._source = source
        self._slots = source.slots
        self._num_slots = source.slots.num_envs
        self._act = act
        self._seeds = seeds
        self._first = first
        self._started = 0
        size, steps = len(seeds), source.max_episode_steps
        self._steps = steps
        # Rows are addressed as trajectory * steps + step.
        self._observations = _storage(source.observation_space, size * steps)
        self._actions = _storage(source.action_space, size * steps)
        self._rewards = np.zeros(size * steps, np.float32)
        self._lengths = np.zeros(size, np.int32)
        self._terminated = np.zeros(size, bool)
        # Trajectory and step of each slot.
        self._counter = lending.zeros((2, self._slots.num_envs), np.int32)
        self._shift = np.array([[first], [0]], np.int32)
        self._go_on_with(np.zeros(0, np.int64))

    def run(self) -> Trajectories:
        self._slots.begin()
        self._start(np.arange(self._slots.num_envs))
        while self._live.size:
            over = self._step()
            if over.any():
                free = self._live[over]
                self._go_on_with(self._live[~over])
                self._start(free)
        return self._result()

    def _go_on_with(self, live: np.ndarray) -> None:
        """Plays in these slots from now on."""
        self._live = live
        begin = self._counter[0, live] * self._steps
        self._rows = begin + self._counter[1, live]
        self._last_rows = begin + self._steps - 1
        # Where all slots play, rows need not be picked out of arrays.
        self._picked = slice(None) if len(live) == self._num_slots else live

    def _start(self, free: np.ndarray) -> None:
        """Gives the next trajectories to free slots."""
        if not self._slots.partial_reset:
            if self._live.size:
                return
            free = np.arange(self._slots.num_envs)
        free = free[: len(self._seeds) - self._started]
        if not free.size:
            return
        begin, self._started = self._started, self._started + len(free)
        self._counter[0, free] = np.arange(begin, self._started)
        self._counter[1, free] = 0
        try:
            self._slots.reset(free.tolist(), self._seeds[begin : self._started])
        except SlotError as error:
            self._fail(error, begin)
        self._check_observations(free)
        self._go_on_with(np.sort(np.concatenate([self._live, free])))

    def _step(self) -> np.ndarray:
        """Steps the live slots; returns which of them are done.

        Each operation on arrays is paid once a step of all slots: this is what
        `benchmarks/host_rollout.py` measures.
        """
        live, rows, picked = self._live, self._rows, self._picked
        observations = self._slots.observations.leaves
        counter = self._counter
        actions, finite = self._act(
            observations, counter + self._shift if self._first else counter
        )
        if not finite.all() and not finite[live].all():
            self._complain("the policy's outputs are", live[~finite[live]][0])
        for stored, leaf in zip(self._observations, observations, strict=True):
            stored[rows] = leaf[picked]
        for stored, leaf in zip(self._actions, actions, strict=True):
            stored[rows] = leaf[picked]
        try:
            rewards, terminated, truncated = self._slots.step(live, actions)
        except SlotError as error:
            self._fail(error, counter[0, live[0]])
        fine = np.isfinite(rewards)
        if not fine.all():
            value = rewards[~fine][0]
            self._complain(f"the reward is {value},", live[~fine][0])
        self._rewards[rows] = rewards
        over = terminated | truncated | (rows == self._last_rows)
        self._rows = rows + 1
        # Those of slots that nobody plays in count on, and mean nothing.
        counter[1] += 1
        if over.any():
            self._check_observations(live[~over])
            ended = counter[0, live[over]]
            self._lengths[ended] = counter[1, live[over]]
            self._terminated[ended] = terminated[over]
        else:
            self._check_observations(live)
        return over

    def _result(self) -> Trajectories:
        source, size = self._source, len(self._seeds)

        def shaped(leaves: list[np.ndarray]) -> list[np.ndarray]:
            return [
                leaf.reshape((size, self._steps, *leaf.shape[1:]))
                for leaf in leaves
            ]

        return Trajectories(
            observations=source.observation_space.pack(
                shaped(self._observations)
            ),
            actions=source.action_space.pack(shaped(self._actions)),
            rewards=shaped([self._rewards])[0],
            mask=np.arange(self._steps) < self._lengths[:, None],
            terminated=self._terminated,
        )

    def _check_observations(self, slots: np.ndarray) -> None:
        bad = self._slots.observations.not_finite(slots)
        if bad.size:
            self._complain("the observation is", bad[0])

    def _complain(self, what: str, slot: int) -> None:
        raise EpisodeError(
            f"{what} not finite. {self._where(slot)} "
            "The weights stay what they were."
        )

    def _fail(self, error: SlotError, trajectory: int) -> None:
        cause = error.__cause__
        where = (
            f"Environment {self._source.name}, "
            f"trajectory about {self._first + trajectory}."
            if error.slot is None
            else self._where(error.slot)
        )
        if isinstance(cause, (EOFError, ConnectionError)):
            where += " A process that runs sub-environments has died."
        failure = EpisodeError(
            f"`{error.call}` of the environment raised "
            f"{type(cause).__name__}: {cause}. {where}"
        )
        failure.cause = cause
        raise failure from cause

    def _where(self, slot: int) -> str:
        trajectory, step = self._counter[:, slot]
        return (
            f"Environment {self._source.name}, sub-environment {slot}, "
            f"trajectory {self._first + trajectory}, step {step}."
        )


def _storage(space: spaces.Space, rows: int) -> list[np.ndarray]:
    return [np.zeros((rows, *leaf.shape), leaf.dtype) for leaf in space.leaves]
