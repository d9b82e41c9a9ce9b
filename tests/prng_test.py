import time

import numpy as np
import pytest
import tensorflow as tf

from keras_cem import prng

# kat_vectors of Random123, threefry2x32 with 20 rounds: key, counter, words.
KNOWN_ANSWERS = [
    ((0x00000000, 0x00000000), (0x00000000, 0x00000000), "6b200159 99ba4efe"),
    ((0xFFFFFFFF, 0xFFFFFFFF), (0xFFFFFFFF, 0xFFFFFFFF), "1cb996fc bb002be7"),
    ((0x13198A2E, 0x03707344), (0x243F6A88, 0x85A308D3), "c4923a9c 483df7a0"),
]

# 2**16 numbers: standard errors are 1/256 of a standard deviation.
ROWS = 2**15
TOLERANCE = 5 / 256


def _words(*values):
    return tuple(tf.constant(value, tf.uint32) for value in values)


def _counter(trajectories, steps):
    return (
        tf.constant(trajectories, tf.uint32),
        tf.constant(steps, tf.uint32),
    )


def _grid():
    """Counters as a rollout has them: few trajectories, many steps."""
    return _counter(
        np.repeat(np.arange(ROWS // 256), 256), np.tile(np.arange(256), 128)
    )


def _correlation(first, second):
    return np.corrcoef(np.ravel(first), np.ravel(second))[0, 1]


# The hash


@pytest.mark.parametrize("rolled", [False, True])
@pytest.mark.parametrize(("key", "counter", "expected"), KNOWN_ANSWERS)
def test_threefry_gives_the_known_answers(key, counter, expected, rolled):
    words = prng.threefry2x32(_words(*key), _words(*counter), rolled=rolled)
    assert " ".join(f"{int(word):08x}" for word in words) == expected


@pytest.mark.parametrize("rolled", [False, True])
def test_threefry_is_the_same_under_xla(rolled):
    counter = _grid()
    compiled = tf.function(prng.threefry2x32, jit_compile=True)
    for word, expected in zip(
        compiled(_words(1, 2), counter, rolled=rolled),
        prng.threefry2x32(_words(1, 2), counter),
        strict=True,
    ):
        np.testing.assert_array_equal(word, expected)


def test_threefry_broadcasts_a_key_over_counters():
    rows = prng.threefry2x32(_words(1, 2), _counter([0, 1, 2], [5, 5, 5]))
    one = prng.threefry2x32(_words(1, 2), _words(2, 5))
    assert [int(word[2]) for word in rows] == [int(word) for word in one]


# Keys


def test_numbers_of_streams_are_those_of_saved_runs():
    assert {stream.name: int(stream) for stream in prng.Stream} == {
        "EXPLORATION": 1,
        "TRAINING_RESETS": 2,
        "VALIDATION_RESETS": 3,
        "EVALUATION_RESETS": 4,
        "ACT": 5,
        "COLLECT_RESETS": 6,
        "MINIBATCHES": 7,
        "RECORDED": 9,
        "TF_ENVIRONMENT": 101,
    }
    assert prng.SubStream.ENVIRONMENT_STEPS == 1
    assert prng.SubStream.HELD_ACTIONS == 0x401D


def test_streams_of_agents_have_public_names():
    public = {
        name: value
        for name, value in vars(prng).items()
        if isinstance(value, prng.Stream)
    }
    own = set(prng.Stream) - {prng.Stream.TF_ENVIRONMENT}
    assert public == {stream.name: stream for stream in own}


@pytest.mark.parametrize("stream", prng.Stream)
def test_stream_is_used_as_its_number(stream):
    for ours, plain in zip(
        prng.make_key(3, stream, 2),
        prng.make_key(3, int(stream), 2),
        strict=True,
    ):
        assert int(ours) == int(plain)
    expected = prng.reset_seeds(3, int(stream), 2, 4)
    assert prng.reset_seeds(3, stream, 2, 4) == expected


def test_key_differs_by_seed_stream_and_iteration():
    asked = [
        (seed, stream, iteration)
        for seed in (0, 1, 2**31, prng.MAX_SEED)
        for stream in (prng.EXPLORATION, prng.ACT, prng.MINIBATCHES)
        # 32 bits of it are not all there is to an iteration.
        for iteration in (0, 1, 2, 2**32, 2**40)
    ]
    keys = {tuple(map(int, prng.make_key(*each))) for each in asked}
    assert len(keys) == len(asked)


def test_key_of_tensors_equals_key_of_ints():
    numbers = tf.constant([prng.MAX_SEED, prng.ACT, 2**40 + 3], tf.int64)
    tensors = prng.make_key(numbers[0], numbers[1], numbers[2])
    ints = prng.make_key(prng.MAX_SEED, prng.ACT, 2**40 + 3)
    assert [int(word) for word in tensors] == [int(word) for word in ints]


def test_fold_in_gives_other_keys():
    key = prng.make_key(0, prng.ACT)
    keys = {tuple(map(int, prng.fold_in(key, number))) for number in range(9)}
    assert len(keys) == 9
    assert tuple(map(int, key)) not in keys


# Distributions


def test_uniform_has_the_moments_and_the_range_of_the_uniform():
    numbers = prng.uniform(prng.make_key(3, 1), _grid(), 2).numpy()
    assert numbers.dtype == np.float32
    assert numbers.min() >= 0.0
    assert numbers.max() < 1.0
    assert abs(numbers.mean() - 1 / 2) < TOLERANCE * np.sqrt(1 / 12)
    # The fourth central moment of a uniform is 1/80.
    spread = np.sqrt(1 / 80 - 1 / 144)
    assert abs(numbers.var() - 1 / 12) < TOLERANCE * spread


def test_uniform_fills_each_tenth_alike():
    numbers = prng.uniform(prng.make_key(3, 1), _grid(), 2).numpy()
    counts = np.bincount((numbers * 10).astype(int).ravel(), minlength=10)
    expected = numbers.size / 10
    # chi^2 with 9 degrees of freedom exceeds 33.7 once in 10,000.
    assert np.sum((counts - expected) ** 2 / expected) < 33.7


def test_normal_has_the_moments_of_the_standard_normal():
    numbers = prng.normal(prng.make_key(3, 1), _grid(), 2).numpy()
    assert numbers.dtype == np.float32
    assert np.all(np.isfinite(numbers))
    # E z^k = 0, 1, 0, 3 with variances 1, 2, 15, 96.
    for power, mean, variance in [
        (1, 0, 1),
        (2, 1, 2),
        (3, 0, 15),
        (4, 3, 96),
    ]:
        got = np.mean(numbers.astype(float) ** power)
        assert abs(got - mean) < TOLERANCE * np.sqrt(variance), power


@pytest.mark.parametrize("draw", [prng.uniform, prng.normal])
def test_numbers_do_not_correlate(draw):
    key = prng.make_key(3, 1)
    numbers = draw(key, _grid(), 3).numpy()
    trajectories = numbers.reshape(128, 256, 3)
    for first, second in [
        (numbers[:, 0], numbers[:, 1]),
        (numbers[:, 0], numbers[:, 2]),
        (trajectories[:-1], trajectories[1:]),
        (trajectories[:, :-1], trajectories[:, 1:]),
        (numbers, draw(prng.make_key(3, 2), _grid(), 3)),
        (numbers, draw(prng.make_key(4, 1), _grid(), 3)),
        (numbers, draw(prng.make_key(3, 1, 1), _grid(), 3)),
    ]:
        assert abs(_correlation(first, second)) < TOLERANCE


@pytest.mark.parametrize("draw", [prng.uniform, prng.normal])
@pytest.mark.parametrize("size", [1, 2, 5])
def test_shape_is_rows_by_size(draw, size):
    key, counter = prng.make_key(0, 1), _counter([0, 1, 2], [0, 0, 0])
    numbers = draw(key, counter, size)
    assert numbers.shape == (3, size)
    # What a row gets first does not depend on how much it gets.
    np.testing.assert_array_equal(numbers, draw(key, counter, 6)[:, :size])


@pytest.mark.parametrize("draw", [prng.uniform, prng.normal])
def test_rows_do_not_depend_on_the_layout_of_the_batch(draw):
    key = prng.make_key(7, prng.EXPLORATION, 5)
    together = draw(key, _counter([0, 1, 2, 3], [9, 8, 7, 6]), 3).numpy()
    alone = [
        draw(key, _counter([trajectory], [step]), 3)[0]
        for trajectory, step in [(0, 9), (1, 8), (2, 7), (3, 6)]
    ]
    turned = draw(key, _counter([3, 2, 1, 0], [6, 7, 8, 9]), 3).numpy()
    np.testing.assert_array_equal(together, alone)
    np.testing.assert_array_equal(together, turned[::-1])


def test_row_uniform_depends_on_the_rows_seed_alone():
    seeds = _counter([1, 2, 3], [4, 5, 6])
    x, y, z = prng.row_uniform(seeds, 3, low=-2.0, high=6.0)
    first, _, _ = prng.row_uniform(_counter([2], [5]), 3, low=-2.0, high=6.0)
    assert x.shape == y.shape == z.shape == (3,)
    assert float(first[0]) == float(x[1])
    numbers = np.concatenate(
        [
            np.ravel(each)
            for each in prng.row_uniform(_grid(), 2, low=-2.0, high=6.0)
        ]
    )
    assert numbers.min() >= -2.0
    assert numbers.max() < 6.0
    assert abs(numbers.mean() - 2.0) < TOLERANCE * 8 * np.sqrt(1 / 12)


# Seeds of resets


def test_reset_seeds_do_not_depend_on_how_many_are_asked():
    many = prng.reset_seeds(5, prng.TRAINING_RESETS, 3, 1000)
    assert len(many) == len(set(many)) == 1000
    assert all(isinstance(seed, int) and 0 <= seed < 2**31 for seed in many)
    for size in (1, 7, 999):
        few = prng.reset_seeds(5, prng.TRAINING_RESETS, 3, size)
        assert few == many[:size]


@pytest.mark.parametrize("iteration", [0, 1, 2])
def test_reset_seeds_of_an_iteration_never_collide(iteration):
    """By chance, 233 of a million numbers of 31 bits would."""
    seeds = prng.reset_seeds(0, prng.TRAINING_RESETS, iteration, 10**6)
    assert len(set(seeds)) == 10**6


def test_reset_seeds_are_a_permutation():
    """What the network maps to each other is told apart at both ends."""
    asked = [0, 1, 2**15 - 1, 2**15, 2**16, 2**30, 2**31 - 1000]
    drawn = [
        prng.reset_seeds(1, prng.COLLECT_RESETS, 4, 1000, first)
        for first in asked
    ]
    numbers = {n for first in asked for n in range(first, first + 1000)}
    assert len({seed for seeds in drawn for seed in seeds}) == len(numbers)


def test_reset_seeds_of_a_trajectory_do_not_depend_on_the_first_one():
    many = prng.reset_seeds(5, prng.EVALUATION_RESETS, 3, 70_000)
    for first in (1, 640, 2**15 - 3, 2**16):
        some = prng.reset_seeds(5, prng.EVALUATION_RESETS, 3, 99, first)
        assert some == many[first : first + 99]


def test_reset_seeds_are_spread_as_random_numbers():
    seeds = np.array(prng.reset_seeds(5, prng.TRAINING_RESETS, 3, 2**16))
    for bit in range(31):
        ones = np.mean(seeds >> bit & 1)
        # Five standard deviations of a mean of 2**16 fair bits.
        assert abs(ones - 0.5) < 5 / 512, bit
    neighbours = seeds[1:] ^ seeds[:-1]
    flipped = np.bitwise_count(neighbours.astype(np.uint32))
    # Half of 31 bits, with variance 31 / 4.
    assert abs(flipped.mean() - 15.5) < 5 * np.sqrt(31 / 4) / 256


def test_reset_seeds_are_fast():
    """0.57 s before, 0.07 s now, of one idle core; the least of some tries."""

    def seconds():
        start = time.process_time()
        prng.reset_seeds(0, prng.TRAINING_RESETS, 0, 10**6)
        return time.process_time() - start

    assert min(seconds() for _ in range(5)) < 0.25


def test_reset_seeds_of_more_trajectories_than_there_are_seeds_are_refused():
    with pytest.raises(ValueError, match=r"at most 2\*\*31 .*: 2147483649"):
        prng.reset_seeds(0, prng.TRAINING_RESETS, 0, 2, first=2**31 - 1)


def test_reset_seeds_differ_by_seed_stream_and_iteration():
    drawn = [
        prng.reset_seeds(seed, stream, iteration, 50)
        for seed in (0, 1)
        for stream in (prng.TRAINING_RESETS, prng.VALIDATION_RESETS)
        for iteration in (0, 1, 2)
    ]
    everything = [seed for seeds in drawn for seed in seeds]
    assert len(set(everything)) == len(everything)
