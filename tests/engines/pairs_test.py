import numpy as np
import pytest
import tensorflow as tf

from keras_cem.engines import pairs


def brute_force(lengths, elite_mask):
    return [
        (trajectory, step)
        for trajectory in np.flatnonzero(elite_mask)
        for step in range(lengths[trajectory])
    ]


def draw(seed):
    """Random lengths of at most 6, and a mask of elites, at least one."""
    numbers = np.random.default_rng(seed)
    size = int(numbers.integers(1, 12))
    lengths = numbers.integers(1, 7, size).astype(np.int32)
    elite_mask = numbers.random(size) < 0.5
    elite_mask[numbers.integers(size)] = True
    return lengths, elite_mask


def locate(found):
    """Trajectory and step of every pair, in the order of their numbers."""
    trajectory, step = found.locate(tf.range(found.total))
    return list(zip(trajectory.numpy(), step.numpy(), strict=True))


@pytest.mark.parametrize("seed", range(20))
def test_every_pair_is_located_in_order(seed):
    lengths, elite_mask = draw(seed)
    found = pairs.Pairs(tf.constant(lengths), tf.constant(elite_mask))
    expected = brute_force(lengths, elite_mask)
    assert int(found.total) == len(expected)
    assert locate(found) == expected


@pytest.mark.parametrize("seed", range(20))
def test_every_pair_is_located_step_by_step(seed):
    lengths, elite_mask = draw(seed)
    found = pairs.PairsByStep(tf.constant(lengths), tf.constant(elite_mask), 9)
    expected = brute_force(lengths, elite_mask)
    assert int(found.total) == len(expected)
    located = locate(found)
    steps = [step for _, step in located]
    assert steps == sorted(steps)
    assert sorted(located) == expected


@pytest.mark.parametrize("size", [1, 2, 3, 4, 7, 8, 9, 100])
def test_count_at_most_is_numpys_search(size):
    numbers = np.random.default_rng(size)
    ordered = np.sort(numbers.integers(0, 20, size)).astype(np.int32)
    values = np.arange(-1, 22, dtype=np.int32)
    expected = np.searchsorted(ordered, values, side="right")
    for signature in ((size,), (None,)):
        count = tf.function(
            pairs.count_at_most,
            input_signature=[
                tf.TensorSpec(signature, tf.int32),
                tf.TensorSpec((None,), tf.int32),
            ],
        )
        found = count(tf.constant(ordered), tf.constant(values))
        np.testing.assert_array_equal(found, expected)


def test_no_elites_are_no_pairs():
    found = pairs.Pairs(tf.constant([3, 2]), tf.constant([False, False]))
    assert int(found.total) == 0


@pytest.mark.parametrize("block_size", [None, 1, 3, 7, 100])
@pytest.mark.parametrize("jit_compile", [False, True])
def test_sums_do_not_depend_on_the_blocks(block_size, jit_compile):
    values = tf.constant(np.random.default_rng(0).integers(0, 99, 7), tf.int32)

    @tf.function(jit_compile=jit_compile)
    def total(count):
        def block(numbers, counts, first):
            taken = tf.where(counts, tf.gather(values, numbers), 0)
            return [tf.reduce_sum(taken), first]

        like = [tf.constant(0), tf.constant(0.0)]
        return pairs.accumulate(block, count, 7, like, block_size)

    for count in range(1, 8):
        summed, blocks_that_were_first = total(tf.constant(count))
        assert int(summed) == values.numpy()[:count].sum()
        assert float(blocks_that_were_first) == 1.0


def test_last_block_is_filled_with_pairs_that_are_there():
    seen = []

    def block(numbers, counts, first):
        del first
        seen.append((numbers.numpy().tolist(), counts.numpy().tolist()))
        return [tf.constant(0.0)]

    pairs.accumulate(block, tf.constant(4), 9, [tf.constant(0.0)], 3)
    assert seen == [
        ([0, 1, 2], [True, True, True]),
        ([3, 0, 1], [True, False, False]),
    ]


def assert_uniform(drawn, expected):
    counts = np.bincount(drawn, minlength=len(expected))
    assert counts.sum() == len(drawn)
    expected = len(drawn) * np.array(expected)
    assert np.all(np.abs(counts - expected) < 5 * np.sqrt(expected))


@pytest.mark.parametrize(
    ("by_trajectory", "expected"),
    [(False, [1 / 5] * 5), (True, [1 / 2] + [1 / 8] * 4)],
)
def test_draws_are_uniform_and_of_their_own_for_each_number(
    by_trajectory, expected
):
    found = pairs.Pairs(
        tf.constant([1, 7, 4]), tf.constant([True, False, True])
    )
    key = (tf.constant(1, tf.uint32), tf.constant(2, tf.uint32))

    def draw(number):
        drawn = found.draw(
            key, tf.constant(number), 10_000, by_trajectory=by_trajectory
        )
        return drawn.numpy()

    first = draw(0)
    assert_uniform(first, expected)
    assert np.array_equal(first, draw(0))
    assert not np.array_equal(first, draw(1))


@pytest.mark.parametrize(
    ("gpus", "num_steps", "size"),
    [
        ([], 8_000, 512),
        ([], 128_000, 2_000),
        ([], 8_192_000, 4_096),
        (["GPU:0"], 8_000, 512),
        (["GPU:0"], 8_192_000, 65_536),
    ],
)
def test_blocks_stay_in_a_cache_or_keep_a_gpu_busy(
    monkeypatch, gpus, num_steps, size
):
    monkeypatch.setattr(tf.config, "list_logical_devices", lambda kind: gpus)
    assert pairs.block_size(num_steps) == size
