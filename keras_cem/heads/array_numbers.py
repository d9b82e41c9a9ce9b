"""The random numbers of `prng` as NumPy arrays.

They have the same bits, except normal numbers: their logarithms and cosines
differ in the last bits.
"""

import functools
import math
from typing import TypeAlias

import numpy as np

from keras_cem import prng

# Two uint32 arrays.
Words: TypeAlias = tuple[np.ndarray, np.ndarray]

_HALF = 2**32 - 1


def make_key(seed: int, stream: int, iteration: int) -> Words:
    """Returns the key of one iteration's numbers, see `prng.make_key`."""
    return _threefry(
        (_word(seed), _word(stream)),
        (_word(iteration & _HALF), _word(iteration >> 32)),
    )


def fold_in(key: Words, number: int) -> Words:
    """Returns another key, see `prng.fold_in`."""
    first, second = _folded(int(key[0][0]), int(key[1][0]), number)
    return _word(first), _word(second)


# Each block of numbers folds the key of its iteration.
@functools.lru_cache(maxsize=256)
def _folded(first: int, second: int, number: int) -> tuple[int, int]:
    words = _threefry(
        (_word(first), _word(second)), (_word(number), _word(prng.FOLDED))
    )
    return int(words[0][0]), int(words[1][0])


def uniform(key: Words, counter: Words, size: int) -> np.ndarray:
    """Uniform numbers in [0, 1), see `prng.uniform`.

    Args:
        key: As `make_key` returns it.
        counter: Two uint32 arrays `(N,)`.
        size: Number of numbers per row.

    Returns:
        float32 array `(N, size)`.
    """
    words: list[np.ndarray] = []
    for block in range(math.ceil(size / 2)):
        words.extend(_threefry(fold_in(key, block), counter))
    return np.stack([_to_unit(word) for word in words[:size]], axis=-1)


def normal(key: Words, counter: Words, size: int) -> np.ndarray:
    """Standard normal numbers, see `prng.normal`; arguments as `uniform`."""
    numbers: list[np.ndarray] = []
    for block in range(math.ceil(size / 2)):
        first, second = _threefry(fold_in(key, block), counter)
        radius = np.sqrt(-2.0 * np.log(1.0 - _to_unit(first)))
        angle = 2.0 * math.pi * _to_unit(second)
        numbers += [radius * np.cos(angle), radius * np.sin(angle)]
    return np.stack(numbers[:size], axis=-1)


def _threefry(key: Words, counter: Words) -> Words:
    """Threefry-2x32, as `prng.threefry2x32`."""
    keys = (*key, key[0] ^ key[1] ^ np.uint32(prng.PARITY))
    x0, x1 = counter[0] + keys[0], counter[1] + keys[1]
    high = np.empty_like(x1)
    # In place, which takes half of the time.
    for group in range(5):
        for rotation in prng.ROTATIONS[group % 2]:
            x0 += x1
            np.left_shift(x1, rotation, out=high)
            x1 >>= 32 - rotation
            x1 |= high
            x1 ^= x0
        x0 += keys[(group + 1) % 3]
        x1 += keys[(group + 2) % 3] + np.uint32(group + 1)
    return x0, x1


def _word(number: int) -> np.ndarray:
    # Arrays wrap silently, scalars with a warning.
    return np.array([number], np.uint32)


def _to_unit(words: np.ndarray) -> np.ndarray:
    return (words >> 8).astype(np.float32) * np.float32(2**-24)
