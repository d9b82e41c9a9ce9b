"""Numbers of blocks of steps are those of single steps."""

import numpy as np
import pytest

from keras_cem.engines.host.block_numbers import STEPS, BlockNumbers
from keras_cem.heads import array_numbers

KEY = array_numbers.make_key(0, 1, 2)


class Draws:
    """Draws two numbers per step; counts its calls."""

    def __init__(self):
        self.calls = 0

    def __call__(self, key, counter):
        self.calls += 1
        return array_numbers.uniform(key, counter, 2)


def assert_expected(numbers, trajectories, steps):
    words = trajectories.astype(np.uint32), steps.astype(np.uint32)
    expected = array_numbers.uniform(KEY, words, 2)
    np.testing.assert_array_equal(numbers.at(trajectories, steps), expected)


@pytest.mark.parametrize("longest", [7, 5 * STEPS])
def test_slots_that_play_one_trajectory_after_another(longest):
    num_slots, draws = 16, Draws()
    numbers = BlockNumbers(draws, num_slots)
    numbers.restart(KEY)
    rng = np.random.default_rng(0)
    trajectories = np.arange(num_slots, dtype=np.int32)
    steps = np.zeros(num_slots, np.int32)
    lengths, calls = rng.integers(1, longest, num_slots), 0
    while trajectories.max() < 6 * num_slots:
        assert_expected(numbers, trajectories, steps)
        calls += 1
        steps += 1
        ended = np.flatnonzero(steps >= lengths)
        begin = trajectories.max() + 1
        trajectories[ended] = np.arange(begin, begin + len(ended))
        steps[ended] = 0
        lengths[ended] = rng.integers(1, longest, len(ended))
    # Those of the first blocks, and at most one per half block.
    assert draws.calls <= 8 + calls / (STEPS // 2)


def test_trajectories_that_are_played_again():
    numbers = BlockNumbers(Draws(), 3)
    numbers.restart(KEY)
    for trajectories, steps in (
        ([0, 1, 2], [0, 0, 0]),
        ([0, 1, 2], [1, 1, 1]),
        ([0, 1, 500], [2, 0, 0]),
        ([0, 1, 2], [3, 1, 7]),
        ([0, 1, 2], [2**31 - 1, 2, 8]),
    ):
        assert_expected(
            numbers,
            np.array(trajectories, np.int32),
            np.array(steps, np.int32),
        )


def test_another_key_has_other_numbers():
    numbers = BlockNumbers(Draws(), 2)
    counter = np.array([0, 1], np.int32), np.array([0, 0], np.int32)
    numbers.restart(array_numbers.make_key(0, 1, 3))
    other = numbers.at(*counter)
    numbers.restart(KEY)
    assert_expected(numbers, *counter)
    assert (numbers.at(*counter) != other).all()
