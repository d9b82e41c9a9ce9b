import numpy as np
import pytest

from keras_cem.rollouts import interface


def test_observation_of_reset_is_the_first_of_two():
    assert interface.begun(("seen", {})) == "seen"


@pytest.mark.parametrize("result", ["ab", ["a", {}], ("a",), ("a", {}, 1)])
def test_reset_must_return_a_tuple_of_two(result):
    with pytest.raises(interface.InterfaceError, match="`reset` must return"):
        interface.begun(result)


@pytest.mark.parametrize(
    "value", [True, False, np.bool_(True), 0, 1, np.array(False)]
)
def test_flags_are_truth_values_or_0_and_1(value):
    assert bool(interface.flag("terminated", value)) is bool(value)


@pytest.mark.parametrize(
    "value", [np.float32(0.5), np.int64(2), True, np.array(1.5), 3]
)
def test_rewards_are_numbers(value):
    assert interface.number(value) == value
