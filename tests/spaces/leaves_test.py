import json
import math

import gymnasium
import numpy as np
import pytest

from keras_cem import spaces


@pytest.mark.parametrize(
    "space",
    [
        spaces.Box(0, 1, (2,)),
        spaces.Discrete(3),
        spaces.MultiDiscrete([2, 3]),
        spaces.MultiBinary(2),
    ],
    ids=repr,
)
def test_leaf_is_its_own_single_leaf(space):
    assert space.leaves == [space]
    assert space.leaf_paths == [()]
    assert space.leaf_names == ["observations"]
    assert space.flatten("value") == ["value"]
    assert space.pack(["value"]) == "value"


def test_only_a_box_clips():
    box = spaces.Box([-1.0, 0.0], [1.0, np.inf])
    values = np.array([[-3.0, 9.0], [0.5, -0.25]], np.float32)
    clipped = box.clip(values)
    assert clipped.dtype == np.float32
    assert clipped.tolist() == [[-1.0, 9.0], [0.5, 0.0]]
    nested = spaces.Tuple([spaces.Discrete(2), box])
    choices = np.array([0, 1])
    first, second = nested.clip_leaves([choices, values])
    assert first is choices
    np.testing.assert_array_equal(second, clipped)


def test_bounds_keep_every_bit():
    low = np.array([-0.1, np.nextafter(0.3, 1), -np.inf])
    for dtype in (np.float32, np.float64):
        space = gymnasium.spaces.Box(low.astype(dtype), np.inf, (3,), dtype)
        text = json.dumps(spaces.serialize(spaces.get(space)))
        back = spaces.deserialize(json.loads(text))
        np.testing.assert_array_equal(back.low, space.low)
        np.testing.assert_array_equal(back.high, space.high)


def test_integers_say_their_range():
    assert (spaces.Discrete(4, start=-2).first) == -2
    assert (spaces.Discrete(4, start=-2).last) == 1
    space = spaces.MultiDiscrete([[2, 5]], start=[[1, -3]])
    np.testing.assert_array_equal(space.first, [[1, -3]])
    np.testing.assert_array_equal(space.last, [[2, 1]])
    binary = spaces.MultiBinary(3)
    assert (binary.first, binary.last) == (0, 1)


def test_number_of_bits_is_the_shape_of_a_vector():
    assert spaces.MultiBinary(3) == spaces.MultiBinary([3])
    assert spaces.MultiBinary(3).shape == (3,)
    assert spaces.MultiBinary((2, 3)).shape == (2, 3)


def test_one_start_is_that_of_each_element():
    space = spaces.MultiDiscrete([2, 5], start=1)
    assert space == spaces.MultiDiscrete([2, 5], start=[1, 1])


# Errors


@pytest.mark.parametrize("n", [0, -3])
def test_empty_discrete_is_refused(n):
    with pytest.raises(ValueError, match=f"at least 1. Received: n={n}"):
        spaces.Discrete(n)


@pytest.mark.parametrize(
    ("argument", "value"), [("n", 2.5), ("n", "2"), ("start", 0.5)]
)
def test_discrete_of_other_than_integers_is_refused(argument, value):
    arguments = {"n": 3, argument: value}
    with pytest.raises(TypeError, match="must be an integer") as error:
        spaces.Discrete(**arguments)
    assert f"Received: {argument}={value!r}" in str(error.value)


@pytest.mark.parametrize(
    ("low", "high"), [(1.0, 0.0), ([0, 1], [1, 0]), (math.nan, 1.0)]
)
def test_bounds_the_wrong_way_round_are_refused(low, high):
    with pytest.raises(ValueError, match="`low` must not exceed `high`") as e:
        spaces.Box(low, high)
    assert f"Received: low={np.float32(low)}" in str(e.value)


@pytest.mark.parametrize("nvec", [[3, 0], [-1], [], np.zeros((0, 2), int)])
def test_multi_discrete_without_choice_is_refused(nvec):
    with pytest.raises(ValueError, match="`nvec` must hold at least") as error:
        spaces.MultiDiscrete(np.asarray(nvec, int))
    assert "Received: nvec=array(" in str(error.value)


@pytest.mark.parametrize(
    ("argument", "value"), [("nvec", [2.5]), ("nvec", ["a"]), ("start", [0.5])]
)
def test_multi_discrete_of_other_than_integers_is_refused(argument, value):
    arguments = {"nvec": [3], argument: value}
    with pytest.raises(TypeError, match="an array of integers") as error:
        spaces.MultiDiscrete(**arguments)
    assert f"Received: {argument}={value!r}" in str(error.value)


def test_saved_space_of_too_many_choices_is_refused():
    config = {"kind": "MultiDiscrete", "nvec": [2, 2**26]}
    with pytest.raises(ValueError, match="67,108,864 choices") as error:
        spaces.deserialize(config)
    assert "Received: nvec=[2, 67108864]" in str(error.value)


def test_start_of_another_shape_is_refused():
    with pytest.raises(ValueError, match="`start` must be a number") as error:
        spaces.MultiDiscrete([3, 2], start=[0, 1, 2])
    assert "Received: start=[0, 1, 2] of shape (3,)" in str(error.value)


@pytest.mark.parametrize("n", [0, -1, [], [3, 0]])
def test_multi_binary_without_bits_is_refused(n):
    with pytest.raises(ValueError, match="`n` must be at least one") as error:
        spaces.MultiBinary(n)
    assert f"Received: n={n!r}" in str(error.value)


def test_multi_binary_of_other_than_integers_is_refused():
    with pytest.raises(TypeError, match=r"Received: n=2\.5 of type float"):
        spaces.MultiBinary(2.5)
