import numpy as np
import pytest

from keras_cem.engines.host import gymnasium_results


def test_observation_of_reset_is_the_first_of_two():
    assert gymnasium_results.reset_observation(("seen", {})) == "seen"


@pytest.mark.parametrize("result", ["ab", ["a", {}], ("a",), ("a", {}, 1)])
def test_reset_must_return_a_tuple_of_two(result):
    with pytest.raises(
        gymnasium_results.InterfaceError, match="`reset` must return"
    ):
        gymnasium_results.reset_observation(result)


@pytest.mark.parametrize(
    "value", [True, False, np.bool_(True), 0, 1, np.array(False)]
)
def test_flags_are_truth_values_or_0_and_1(value):
    assert bool(gymnasium_results.flag("terminated", value)) is bool(value)


@pytest.mark.parametrize(
    "value", [np.float32(0.5), np.int64(2), True, np.array(1.5), 3]
)
def test_rewards_are_numbers(value):
    assert gymnasium_results.number(value) == value
