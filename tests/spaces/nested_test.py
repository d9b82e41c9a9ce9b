import collections
import keyword
import re

import gymnasium
import numpy as np
import pytest

from keras_cem import spaces

POSITION = spaces.Box(-1, 1, (2,))
LEFT = spaces.Box(0, 255, (4, 4, 3), "uint8")
RIGHT = spaces.Discrete(3)
SPACE = spaces.Dict(
    {
        "position": POSITION,
        "camera": spaces.Dict({"right": RIGHT, "left": LEFT}),
        "arm": spaces.Tuple([RIGHT, spaces.Tuple([POSITION])]),
    }
)
VALUE = {
    "camera": {"left": "L", "right": "R"},
    "position": "P",
    "arm": ("A", ("B",)),
}


def test_leaves_stand_in_the_order_of_keys_and_places():
    assert SPACE.leaves == [RIGHT, POSITION, LEFT, RIGHT, POSITION]
    assert SPACE.leaf_paths == [
        ("arm", 0),
        ("arm", 1, 0),
        ("camera", "left"),
        ("camera", "right"),
        ("position",),
    ]
    assert SPACE.leaf_names == [
        "arm_0",
        "arm_1_0",
        "camera_left",
        "camera_right",
        "position",
    ]


def test_flatten_takes_the_leaves_out_and_pack_puts_them_back():
    leaves = SPACE.flatten(VALUE)
    assert leaves == ["A", "B", "L", "R", "P"]
    assert SPACE.pack(leaves) == VALUE


def test_order_of_leaves_is_that_of_the_space_not_of_the_value():
    ordered = collections.OrderedDict(b=1, a=2)
    space = spaces.Dict({"b": RIGHT, "a": POSITION})
    assert space.flatten(ordered) == [2, 1]
    assert space == spaces.Dict({"a": POSITION, "b": RIGHT})


def test_list_is_taken_for_a_tuple():
    space = spaces.Tuple([RIGHT, POSITION])
    assert space.flatten([1, 2]) == [1, 2]
    assert space.pack([1, 2]) == (1, 2)


def test_samples_of_gymnasium_are_taken_apart_and_put_together():
    gym = SPACE.to_gymnasium()
    gym.seed(0)
    sample = gym.sample()
    leaves = SPACE.flatten(sample)
    for value, leaf in zip(leaves, SPACE.leaves, strict=True):
        assert leaf.to_gymnasium().contains(value)
    assert gym.contains(SPACE.pack(leaves))
    batch = gymnasium.vector.utils.batch_space(gym, 5).sample()
    for value, leaf in zip(SPACE.flatten(batch), SPACE.leaves, strict=True):
        assert value.shape == (5, *leaf.shape)


def test_names_of_places_follow_the_name_of_the_whole():
    space = spaces.Tuple([RIGHT, spaces.Dict({"a": RIGHT})])
    assert space.leaf_names == ["observations_0", "observations_1_a"]
    assert space.name_leaves("actions") == ["actions_0", "actions_1_a"]


def test_names_are_valid_and_unique():
    nested = spaces.Dict({"b": RIGHT})
    keys = ["a", "a_b", "a_b_2", "a/b", "a b", "1", "_", "lambda", "\u00fc"]
    space = spaces.Dict({**dict.fromkeys(keys, RIGHT), "a": nested})
    names = dict(zip(space.leaf_paths, space.leaf_names, strict=True))
    assert len(set(names.values())) == len(keys)
    for name in names.values():
        assert re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", name)
        assert not keyword.iskeyword(name)
    assert names[("a_b_2",)] == "a_b_2"


# Errors


@pytest.mark.parametrize(
    ("value", "received"),
    [
        ({"position": 0, "camera": 0}, "the keys ['position', 'camera']"),
        ({**VALUE, "more": 1}, "'arm', 'more']"),
        (np.zeros(2), "array([0., 0.]) of type ndarray"),
        (None, "None of type NoneType"),
    ],
    ids=["missing", "more", "array", "none"],
)
def test_value_without_the_keys_is_refused(value, received):
    match = r"`observations` must be a dictionary with the keys \['arm', 'cam"
    with pytest.raises(ValueError, match=match) as error:
        SPACE.flatten(value, "observations")
    assert "Received: " in str(error.value)
    assert received in str(error.value)


@pytest.mark.parametrize(
    ("value", "received"),
    [
        (("A",), "1 entries"),
        (("A", "B", "C"), "3 entries"),
        ("AB", "'AB' of type str"),
    ],
    ids=["fewer", "more", "text"],
)
def test_path_to_what_differs_is_named(value, received):
    with pytest.raises(ValueError, match="must be a tuple of 2") as error:
        SPACE.flatten({**VALUE, "arm": value}, "actions")
    assert str(error.value).startswith("`actions['arm']` must be")
    assert str(error.value).endswith(f"Received: {received}")


@pytest.mark.parametrize("given", [{}, None, [RIGHT]])
def test_dict_without_parts_is_refused(given):
    with pytest.raises(ValueError, match="with at least one key") as error:
        spaces.Dict(given)
    assert f"Received: spaces={given!r}" in str(error.value)


def test_key_that_is_no_string_is_refused():
    with pytest.raises(TypeError, match="Received: key=3 of type int"):
        spaces.Dict({3: RIGHT})


def test_tuple_without_parts_is_refused():
    with pytest.raises(ValueError, match=r"one space. Received: spaces=\[\]"):
        spaces.Tuple([])
