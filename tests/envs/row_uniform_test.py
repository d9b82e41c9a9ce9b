import numpy as np
import pytest

from keras_cem import prng
from tests.envs import reference


@pytest.mark.parametrize("size", [1, 2, 3, 4])
def test_row_uniform_returns_one_vector_a_number(size):
    numbers = prng.row_uniform(reference.seeds(5), size)
    assert [number.shape for number in numbers] == [(5,)] * size
    assert {number.dtype.name for number in numbers} == {"float32"}


def test_more_numbers_begin_with_the_same():
    seeds = reference.seeds(5)
    few, many = prng.row_uniform(seeds, 2), prng.row_uniform(seeds, 5)
    np.testing.assert_array_equal(few, many[:2])


def test_row_uniform_is_uniform_in_its_bounds():
    (numbers,) = prng.row_uniform(reference.seeds(10_000), 1, -3.0, 5.0)
    assert np.min(numbers) >= -3.0
    assert np.max(numbers) <= 5.0
    counts, _ = np.histogram(numbers, bins=8, range=(-3.0, 5.0))
    # Chi-square with 7 degrees of freedom exceeds 24.3 once in 1000.
    assert np.sum((counts - 1250.0) ** 2 / 1250.0) < 24.3


def test_a_row_has_its_own_seed():
    first, second = reference.seeds(5)
    whole = prng.row_uniform((first, second), 3)
    alone = prng.row_uniform((first[2:3], second[2:3]), 3)
    np.testing.assert_array_equal(np.array(whole)[:, 2:3], alone)
