import collections
import itertools

import numpy as np
import pytest

from keras_cem import spaces
from keras_cem.engines.recorded.source import (
    RecordedSource,
    RecordedTrajectories,
    is_minari_dataset,
    is_recorded,
)

OBSERVATIONS = spaces.Box(-9.0, 99.0, (1,))
ACTIONS = spaces.Discrete(100)
SIZE, BATCH = 7, 3


def episode(number):
    """Of `number + 1` steps; all that is in it tells its number."""
    steps = number + 1
    return {
        "observations": np.full((steps + 1, 1), number, np.float32),
        "actions": np.full(steps, number),
        "rewards": np.full(steps, float(number)),
        "terminated": number % 2 == 0,
    }


def loaded():
    source = RecordedSource("toys", [episode(n) for n in range(SIZE)], SIZE)
    source.load(OBSERVATIONS, ACTIONS, BATCH)
    return source


def numbers(read):
    return read.actions[:, 0].tolist()


def test_trajectories_are_whole_episodes_padded_to_the_longest():
    read = loaded().read(0, 0)
    assert isinstance(read, RecordedTrajectories)
    assert read.mask.shape == (BATCH, SIZE)
    for row, number in enumerate(numbers(read)):
        steps = number + 1
        assert read.mask[row].tolist() == [step < steps for step in range(SIZE)]
        assert (read.observations[row, :steps, 0] == number).all()
        assert (read.actions[row, :steps] == number).all()
        assert read.returns[row] == number * steps
        assert read.terminated[row] == (number % 2 == 0)
    assert read.rewards.dtype == np.float32
    assert read.actions.dtype == np.int64


def test_a_pass_reads_no_episode_twice():
    source = loaded()
    passes = [
        numbers(source.read(0, 2 * number))
        + numbers(source.read(0, 2 * number + 1))
        for number in range(30)
    ]
    assert all(len(set(read)) == 2 * BATCH for read in passes)
    # Each in an order of its own, so that none is always the one left out.
    assert len(set(map(tuple, passes))) == 30
    counts = collections.Counter(itertools.chain(*passes))
    assert set(counts) == set(range(SIZE))


def test_episodes_follow_from_seed_and_iteration():
    source = loaded()
    later = numbers(source.read(5, 11))
    assert numbers(loaded().read(5, 11)) == later
    courses = [
        [numbers(source.read(seed, n)) for n in range(4)] for seed in (0, 1)
    ]
    assert courses[0] != courses[1]


@pytest.mark.parametrize(
    ("wanted", "expected"), [(None, SIZE), (2, 2), (SIZE, SIZE)]
)
def test_batch_size_is_at_most_all_episodes(wanted, expected):
    source = RecordedSource("toys", [], SIZE)
    assert source.choose_batch_size(wanted, 64) == expected


@pytest.mark.parametrize(("size", "wanted"), [(7, 8), (7, 1), (1, None)])
def test_batch_size_that_leaves_no_choice_is_refused(size, wanted):
    with pytest.raises(
        ValueError, match="`batch_size` must be at least 2"
    ) as e:
        RecordedSource("toys", [], size).choose_batch_size(wanted, 64)
    assert f"recorded episodes, {size}." in str(e.value)
    assert f"Received: batch_size={wanted}" in str(e.value)


class MinariDataset:
    """Looks like Minari's."""

    __module__ = "minari.dataset.minari_dataset"


class Filtered(MinariDataset):
    __module__ = "somewhere.else"


def test_minari_datasets_are_told_without_minari():
    assert is_minari_dataset(MinariDataset())
    assert is_minari_dataset(Filtered())
    assert not is_minari_dataset(object())
    assert is_recorded(MinariDataset())
    assert is_recorded("minari:toy/test-v0")


@pytest.mark.parametrize(
    ("x", "expected"),
    [
        ([episode(0)], True),
        ((episode(0), episode(1)), True),
        ([], True),
        ([np.zeros(2), np.zeros(2)], False),
        ([[0.0, 1.0], [2.0, 3.0]], False),
        ([{"left": np.zeros(2)}], False),
        ({"observations": 0, "actions": 0, "rewards": 0}, False),
        (np.zeros((2, 2)), False),
        ("CartPole-v1", False),
        (None, False),
    ],
    ids=str,
)
def test_lists_of_episodes_are_told_from_data(x, expected):
    assert is_recorded(x) == expected


def test_last_observations_are_read_where_they_were_recorded():
    observations = np.arange(12, dtype=np.float32).reshape(4, 3)
    episode = {
        "observations": observations,
        "actions": np.zeros(3, np.int64),
        "rewards": np.ones(3),
    }
    ended = {**episode, "observations": observations[:3], "terminated": True}
    space = spaces.Box(-np.inf, np.inf, (3,))
    source = RecordedSource("mine", [episode, ended], 2)
    source.load(space, spaces.Discrete(2), 2)
    played = source.read(seed=0, iteration=0)
    np.testing.assert_array_equal(
        played.final_observations[~played.terminated], observations[3:]
    )
    np.testing.assert_array_equal(
        played.observations, np.stack([observations[:3]] * 2)
    )
    source.check_steps(2)


def test_a_truncated_episode_without_its_last_observation_is_named():
    episode = {
        "observations": np.zeros((3, 3), np.float32),
        "actions": np.zeros(3, np.int64),
        "rewards": np.ones(3),
    }
    source = RecordedSource(
        "mine", [{**episode, "terminated": True}, episode], 2
    )
    source.load(spaces.Box(-1, 1, (3,)), spaces.Discrete(2), 2)
    with pytest.raises(ValueError, match="mine, episode 1 with 3 observations"):
        source.check_steps(2)
