"""How much memory trajectories take."""

from keras_cem.algorithm import elite_pairs
from keras_cem.engines.graph import memory_estimate


def test_numbers_left_over_are_enough_for_the_largest_block():
    assert elite_pairs.MAX_BLOCK_SIZE_ON_GPU <= memory_estimate.SPARE_NUMBERS
