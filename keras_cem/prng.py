"""Random numbers that depend on their purpose, not on when they are drawn.

TensorFlow's stateless generators take one seed per call, but exploration needs
one seed per row. Trajectory k at step t always gets the same numbers: on any
number of sub-environments, on the host and in the graph. So each number is a
hash, Threefry-2x32 with 20 rounds. The key is (seed, stream, iteration), and
the counter is (trajectory, step).

References:
    Salmon et al. (2011), Parallel random numbers: as easy as 1, 2, 3.
    https://doi.org/10.1145/2063384.2063405
"""

import enum
import functools
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf


class Stream(enum.IntEnum):
    """Random streams, one per purpose, for `make_key` and `reset_seeds`.

    With the same seed, each stream has different numbers. Saved runs depend on
    these values: never change or reuse one.
    """

    EXPLORATION = 1
    TRAINING_RESETS = 2
    VALIDATION_RESETS = 3
    EVALUATION_RESETS = 4
    ACT = 5
    COLLECT_RESETS = 6
    MINIBATCHES = 7
    RECORDED = 9
    # `adapters.tf_agents.GraphTFEnvironment`.
    TF_ENVIRONMENT = 101


class SubStream(enum.IntEnum):
    """Independent numbers at the counters of another stream, for `fold_in`.

    The parts of a nested action and the blocks of long rows are folded in by
    their index.
    """

    # Of the stream of resets: the randomness of the environment's steps.
    ENVIRONMENT_STEPS = 1
    # Of `EXPLORATION`: the random actions that `heads.holding` holds.
    HELD_ACTIONS = 0x401D
    # Of `MINIBATCHES`: the order of the pairs in an epoch of the policy.
    SHUFFLED_PAIRS = 0x5F1E
    # Of `MINIBATCHES`: the order of the steps in an epoch of the critic.
    SHUFFLED_STEPS = 0xC217


EXPLORATION = Stream.EXPLORATION
TRAINING_RESETS = Stream.TRAINING_RESETS
VALIDATION_RESETS = Stream.VALIDATION_RESETS
EVALUATION_RESETS = Stream.EVALUATION_RESETS
ACT = Stream.ACT
COLLECT_RESETS = Stream.COLLECT_RESETS
MINIBATCHES = Stream.MINIBATCHES
RECORDED = Stream.RECORDED

MAX_SEED = 2**32 - 1

ROTATIONS = ((13, 15, 26, 6), (17, 29, 16, 24))
PARITY, FOLDED = 0x1BD11BDA, 0x5EED

Words = tuple[Any, Any]


def threefry2x32(key: Words, counter: Words, *, rolled: bool = False) -> Words:
    """Hashes 64 bits of counter with 64 bits of key.

    Args:
        key: Two uint32 tensors.
        counter: Two uint32 tensors. All four tensors broadcast.
        rolled: Whether the rounds are a loop in the graph, with the same
            numbers. XLA copies code outside loops into each of its uses, which
            takes seconds to compile for hashes of hashes. Use it for hashes
            computed once per iteration. Defaults to `False`.

    Returns:
        Two uint32 tensors.
    """
    if not rolled:
        words = [_uint32(word) for word in (*key, *counter)]
        if tf.executing_eagerly():
            return _unrolled(*words)
        hashed, shapes = _traced()(*words), [word.shape for word in words]
        for word in hashed:
            word.set_shape(functools.reduce(tf.broadcast_static_shape, shapes))
        return hashed
    keys = (key[0], key[1], key[0] ^ key[1] ^ _uint32(PARITY))
    x0, x1 = counter[0] + keys[0], counter[1] + keys[1]
    rotations = tf.constant(ROTATIONS, tf.uint32)

    def body(group: tf.Tensor, x0: tf.Tensor, x1: tf.Tensor) -> Any:
        x0, x1 = _mix(x0, x1, tf.unstack(rotations[group % 2]))
        x0 = x0 + tf.gather(keys, (group + 1) % 3)
        x1 = x1 + tf.gather(keys, (group + 2) % 3) + _uint32(group + 1)
        return group + 1, x0, x1

    _, x0, x1 = tf.while_loop(
        lambda group, x0, x1: group < 5, body, (tf.constant(0), x0, x1)
    )
    return x0, x1


def _unrolled(key0: Any, key1: Any, counter0: Any, counter1: Any) -> Words:
    keys = (key0, key1, key0 ^ key1 ^ _uint32(PARITY))
    x0, x1 = counter0 + keys[0], counter1 + keys[1]
    for group in range(5):
        x0, x1 = _mix(x0, x1, ROTATIONS[group % 2])
        x0 = x0 + keys[(group + 1) % 3]
        x1 = x1 + keys[(group + 2) % 3] + _uint32(group + 1)
    return x0, x1


@functools.cache
def _traced() -> Callable[..., Words]:
    # One node of a graph, not 140, and one trace for all shapes.
    words = [tf.TensorSpec(None, tf.uint32)] * 4
    function: Any = tf.function(_unrolled, autograph=False)
    with tf.init_scope():
        traced: Callable[..., Words] = function.get_concrete_function(*words)
    return traced


def make_key(
    seed: Any, stream: Any, iteration: Any = 0, *, rolled: bool = False
) -> Words:
    """Returns the key of one iteration's numbers.

    Args:
        seed: Integer tensor or int in [0, 2**32).
        stream: Purpose of the numbers, one of `Stream`.
        iteration: int64 tensor or int, at least 0.
        rolled: As in `threefry2x32`. Defaults to `False`.

    Returns:
        Two uint32 scalars.
    """
    iteration = tf.cast(iteration, tf.int64)
    low = tf.cast(tf.bitwise.bitwise_and(iteration, 0xFFFFFFFF), tf.uint32)
    high = tf.cast(tf.bitwise.right_shift(iteration, 32), tf.uint32)
    key = (_uint32(seed), _uint32(stream))
    return threefry2x32(key, (low, high), rolled=rolled)


def fold_in(key: Words, number: int) -> Words:
    """Returns another key, for independent numbers at the same counters."""
    return threefry2x32(key, (_uint32(number), _uint32(FOLDED)))


def uniform(key: Words, counter: Words, size: int) -> tf.Tensor:
    """Uniform numbers in [0, 1), 24 bits each.

    Args:
        key: As `make_key` returns it.
        counter: Two uint32 tensors of shape `(N,)`: trajectory and step.
        size: Number of numbers per row.

    Returns:
        float32 tensor of shape `(N, size)`.
    """
    words: list[tf.Tensor] = []
    for block in range(math.ceil(size / 2)):
        words.extend(threefry2x32(fold_in(key, block), counter))
    return tf.stack([_to_unit(word) for word in words[:size]], axis=-1)


def normal(key: Words, counter: Words, size: int) -> tf.Tensor:
    """Standard normal numbers, by the Box-Muller transform.

    Arguments and result are those of `uniform`.
    """
    numbers: list[tf.Tensor] = []
    for block in range(math.ceil(size / 2)):
        first, second = threefry2x32(fold_in(key, block), counter)
        radius = tf.sqrt(-2.0 * tf.math.log(1.0 - _to_unit(first)))
        angle = 2.0 * math.pi * _to_unit(second)
        numbers += [radius * tf.cos(angle), radius * tf.sin(angle)]
    return tf.stack(numbers[:size], axis=-1)


def reset_seeds(
    seed: int, stream: int, iteration: int, size: int, first: int = 0
) -> list[int]:
    """Reset seeds of `size` trajectories, for the host engine.

    All seeds are different: the seed of trajectory k is a permutation of the
    numbers below 2**31, applied to k. Seeds have 31 bits. gymnasium takes any
    int, but some simulators take only signed 32-bit ints.

    The permutation is a Feistel network of six rounds, with halves of 16 and 15
    bits. The round function is the finalizer of MurmurHash3.

    Args:
        seed: The agent's seed.
        stream: Purpose of the trajectories, one of `Stream`.
        iteration: The iteration that plays them.
        size: Number of trajectories.
        first: Number of the first trajectory. Defaults to `0`.

    Returns:
        `size` distinct ints in [0, 2**31). The seed of a trajectory depends on
        its number, not on `size` or `first`.

    Raises:
        ValueError: If there are more than 2**31 trajectories.

    References:
        Luby and Rackoff (1988), How to construct pseudorandom permutations
        from pseudorandom functions. https://doi.org/10.1137/0217022
    """
    if first + size > 2**31:
        raise ValueError(
            "An iteration must have at most 2**31 trajectories. "
            f"Received: {first + size}"
        )
    sequence = np.random.SeedSequence((seed, stream, iteration))
    keys = sequence.generate_state(6, np.uint32)
    numbers = np.arange(first, first + size, dtype=np.uint32)
    # In blocks, so that intermediate values stay in the processor's cache.
    for begin in range(0, size, 2**15):
        block = numbers[begin : begin + 2**15]
        wide, narrow = block >> 15, block & 0x7FFF
        for wide_key, narrow_key in keys.reshape(-1, 2):
            wide ^= _murmur(narrow ^ wide_key) >> 16
            narrow ^= _murmur(wide ^ narrow_key) >> 17
        block[:] = wide << 15 | narrow
    return numbers.tolist()


def _murmur(words: np.ndarray) -> np.ndarray:
    """Mixes 32 bits: the finalizer of MurmurHash3, in place."""
    for shift, factor in ((16, 0x85EBCA6B), (13, 0xC2B2AE35)):
        words ^= words >> shift
        words *= np.uint32(factor)
    words ^= words >> 16
    return words


def _uint32(value: Any) -> tf.Tensor:
    if isinstance(value, int):
        return tf.constant(int(value), tf.uint32)
    return tf.cast(value, tf.uint32)


def _mix(x0: tf.Tensor, x1: tf.Tensor, rotations: Any) -> Words:
    """Four rounds of the hash."""
    for rotation in rotations:
        x0 = x0 + x1
        x1 = _rotate_left(x1, rotation) ^ x0
    return x0, x1


def _rotate_left(word: tf.Tensor, bits: Any) -> tf.Tensor:
    return tf.bitwise.left_shift(word, _uint32(bits)) | tf.bitwise.right_shift(
        word, _uint32(32 - bits)
    )


def _to_unit(word: tf.Tensor) -> tf.Tensor:
    bits = tf.bitwise.right_shift(word, _uint32(8))
    return tf.cast(bits, tf.float32) * 2**-24


def row_uniform(
    seeds: Words, size: int, low: float = 0.0, high: float = 1.0
) -> tuple[tf.Tensor, ...]:
    """Uniform numbers in [low, high) from one seed per row.

    The numbers of a row depend only on its own seed. Each number is a separate
    vector, which suits vectorized environments:
    `x, y = prng.row_uniform(seeds, 2)`.

    Args:
        seeds: Two uint32 tensors of shape `(N,)`, 64 bits per row.
        size: Number of numbers per row.
        low: Smallest value. Defaults to `0.0`.
        high: Upper end. Defaults to `1.0`.

    Returns:
        `size` float32 tensors of shape `(N,)`.
    """
    words: list[tf.Tensor] = []
    for block in range(math.ceil(size / 2)):
        words.extend(threefry2x32(seeds, (_uint32(block), _uint32(0))))
    return tuple(low + (high - low) * _to_unit(word) for word in words[:size])
