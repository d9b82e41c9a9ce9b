"""Random numbers of steps, drawn for blocks of steps at once."""

from collections.abc import Callable

import numpy as np

from keras_cem.heads.array_numbers import Words

# Number of steps of a trajectory in a block.
STEPS = 32


class BlockNumbers:
    """Looks up the numbers of each slot's trajectory and step.

    A hash of a few numbers costs as much as one of thousands: 100 array
    operations. So the first blocks of N trajectories are drawn at once, in
    advance. If a slot needs its next block, so do all slots that have used half
    of theirs.

    Args:
        draw: Returns the numbers float32 `(n, size)` of n counters, given a key
            and two uint32 arrays `(n,)`.
        num_slots: N.
    """

    def __init__(
        self, draw: Callable[[Words, Words], np.ndarray], num_slots: int
    ):
        self._draw = draw
        self._num_slots = num_slots
        # The row of each slot's first step in its block.
        self._rows = STEPS * np.arange(num_slots)
        self._key: Words | None = None
        # The trajectory, the first step and the numbers of each slot's block.
        self._trajectories = np.full(num_slots, -1, np.int32)
        self._bytes = b""
        self._begins = np.zeros(num_slots, np.int32)
        self._blocks = np.zeros((num_slots, STEPS, 0), np.float32)
        self._flat = np.zeros((num_slots * STEPS, 0), np.float32)
        # The first blocks of the trajectories from this one on.
        self._first = 0
        self._first_blocks = self._blocks[:0]

    def restart(self, key: Words) -> None:
        """Sets the key and drops all numbers of another."""
        self._key = key
        self._trajectories[:] = -1
        self._bytes = b""
        self._first_blocks = self._blocks[:0]

    def at(self, trajectories: np.ndarray, steps: np.ndarray) -> np.ndarray:
        """Returns the numbers of steps, float32 `(N, size)`.

        Args:
            trajectories: int32 `(N,)`, the trajectory of each slot.
            steps: int32 `(N,)`, its step.
        """
        places = steps - self._begins
        # As unsigned, what lies before the block is large. The bytes take a
        # third of the time of a comparison of arrays.
        if (
            trajectories.tobytes() != self._bytes
            or np.maximum.reduce(places.view(np.uint32)) >= STEPS
        ):
            self._fill(trajectories, steps)
            places = steps - self._begins
        # Faster than two indices.
        return self._flat.take(self._rows + places, axis=0)

    def _fill(self, trajectories: np.ndarray, steps: np.ndarray) -> None:
        missing = (steps - self._begins).view(np.uint32) >= STEPS
        missing |= trajectories != self._trajectories
        begin = missing & (steps == 0)
        if begin.any():
            self._fill_first(np.flatnonzero(begin), trajectories)
        others = missing & ~begin
        if not others.any():
            return
        used = steps - self._begins >= STEPS // 2
        slots = np.flatnonzero(others | used)
        self._set(
            slots,
            trajectories[slots],
            steps[slots],
            self._drawn(trajectories[slots], steps[slots]),
        )

    def _fill_first(self, slots: np.ndarray, trajectories: np.ndarray) -> None:
        """Sets the blocks of slots whose trajectories begin."""
        numbers = trajectories[slots]
        places = numbers - self._first
        if places.min() < 0 or places.max() >= len(self._first_blocks):
            self._first = int(numbers.min())
            # As a rule they follow each other. Not so after a failure, when
            # some trajectories begin again.
            spread = int(numbers.max()) - self._first
            if spread >= 2 * self._num_slots:
                blocks = self._drawn(numbers, np.zeros_like(numbers))
                self._set(slots, numbers, np.int32(0), blocks)
                return
            following = self._first + np.arange(
                max(self._num_slots, spread + 1), dtype=np.int32
            )
            self._first_blocks = self._drawn(
                following, np.zeros_like(following)
            )
            places = numbers - self._first
        self._set(slots, numbers, np.int32(0), self._first_blocks[places])

    def _set(
        self,
        slots: np.ndarray,
        trajectories: np.ndarray,
        begins: np.ndarray | np.int32,
        blocks: np.ndarray,
    ) -> None:
        if blocks.shape[2] != self._blocks.shape[2]:
            shape = (*self._blocks.shape[:2], blocks.shape[2])
            self._blocks = np.zeros(shape, np.float32)
            self._flat = self._blocks.reshape(-1, blocks.shape[2])
        self._trajectories[slots] = trajectories
        self._bytes = self._trajectories.tobytes()
        self._begins[slots] = begins
        self._blocks[slots] = blocks

    def _drawn(
        self, trajectories: np.ndarray, begins: np.ndarray
    ) -> np.ndarray:
        """Draws blocks, float32 `(n, STEPS, size)`."""
        if self._key is None:
            raise RuntimeError("`restart` must be called before `at`.")
        steps = begins.astype(np.int64)[:, None] + np.arange(STEPS)
        words = np.broadcast_to(trajectories[:, None], steps.shape)
        numbers = self._draw(
            self._key,
            (
                words.reshape(-1).astype(np.uint32),
                steps.reshape(-1).astype(np.uint32),
            ),
        )
        return numbers.reshape(len(steps), STEPS, -1)
