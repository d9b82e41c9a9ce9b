import json
import math

import gymnasium
import numpy as np
import pytest

from keras_cem import spaces

INT64 = np.iinfo(np.int64)
UINT64 = np.iinfo(np.uint64)

GYMNASIUM_SPACES = [
    gymnasium.spaces.Discrete(5),
    gymnasium.spaces.Discrete(3, start=-1),
    gymnasium.spaces.Box(-1.0, 1.0, (3,)),
    gymnasium.spaces.Box(-0.1, 0.1, (), np.float64),
    gymnasium.spaces.Box(-np.inf, np.inf, (2, 2)),
    gymnasium.spaces.Box(0.0, np.inf, (2,), np.float64),
    gymnasium.spaces.Box(0, 255, (4, 4, 3), np.uint8),
    gymnasium.spaces.Box(
        np.array([-0.1, 0.2, -np.inf]),
        np.array([1 / 3, 2, 3]),
        (3,),
        np.float64,
    ),
    gymnasium.spaces.Box(-5, 7, (2,), np.int64),
    gymnasium.spaces.Box(INT64.min, INT64.max, (2,), np.int64),
    gymnasium.spaces.Box(0, UINT64.max, (2,), np.uint64),
    gymnasium.spaces.Box(-np.inf, np.inf, (2,), np.int64),
    gymnasium.spaces.Box(-65504, 65504, (2,), np.float16),
    gymnasium.spaces.MultiDiscrete([3, 2]),
    gymnasium.spaces.MultiDiscrete([[3, 2], [4, 1]], start=[[0, -1], [2, 0]]),
    gymnasium.spaces.MultiDiscrete([3, 2], np.int32, start=[1, 1]),
    gymnasium.spaces.MultiBinary(4),
    gymnasium.spaces.MultiBinary([2, 3]),
]
NESTED = [
    gymnasium.spaces.Dict(
        position=gymnasium.spaces.Box(-1.0, np.inf, (2,)),
        camera=gymnasium.spaces.Dict(
            right=gymnasium.spaces.Box(0, 255, (4, 4, 3), np.uint8),
            left=gymnasium.spaces.MultiBinary(3),
        ),
    ),
    gymnasium.spaces.Tuple(
        (
            gymnasium.spaces.Discrete(3, start=-1),
            gymnasium.spaces.Dict(a=gymnasium.spaces.MultiDiscrete([2, 5])),
        )
    ),
]
UNSUPPORTED = [
    gymnasium.spaces.Text(3),
    gymnasium.spaces.Graph(gymnasium.spaces.Box(0, 1), None),
    gymnasium.spaces.Sequence(gymnasium.spaces.Discrete(2)),
    gymnasium.spaces.OneOf([gymnasium.spaces.Discrete(2)]),
]


@pytest.mark.parametrize("space", GYMNASIUM_SPACES + NESTED, ids=repr)
def test_space_goes_to_json_and_back(space):
    described = spaces.get(space)
    config = json.loads(json.dumps(spaces.serialize(described)))
    back = spaces.deserialize(config)
    assert back == described
    assert hash(back) == hash(described)
    assert back.to_gymnasium() == space
    assert spaces.get(config) == described


@pytest.mark.parametrize("space", GYMNASIUM_SPACES, ids=repr)
def test_description_has_shape_and_dtype_of_the_space(space):
    described = spaces.get(space)
    assert described.shape == space.shape
    assert described.dtype == space.dtype


def test_serialized_space_is_written_out():
    box = spaces.Box([-1.0, -math.inf], 2.0)
    assert spaces.serialize(box) == {
        "kind": "Box",
        "low": [-1.0, "-inf"],
        "high": 2.0,
        "shape": [2],
        "dtype": "float32",
    }
    discrete = {"kind": "Discrete", "n": 4, "start": 2, "dtype": "int64"}
    assert spaces.serialize(spaces.Discrete(4, start=2)) == discrete
    assert spaces.serialize(spaces.MultiDiscrete([3, 2], start=[1, 0])) == {
        "kind": "MultiDiscrete",
        "nvec": [3, 2],
        "start": [1, 0],
        "dtype": "int64",
    }
    assert spaces.serialize(
        spaces.Tuple([spaces.Discrete(4, start=2), spaces.MultiBinary(3)])
    ) == {
        "kind": "Tuple",
        "spaces": [discrete, {"kind": "MultiBinary", "n": [3]}],
    }
    assert spaces.serialize(
        spaces.Dict({"a": spaces.Discrete(4, start=2)})
    ) == {"kind": "Dict", "spaces": {"a": discrete}}


def test_representation_reads_as_the_call_that_makes_it():
    space = spaces.Box([-1.0, -2.0], math.inf, dtype="float64")
    assert repr(space) == (
        "Box(low=[-1.0, -2.0], high='inf', shape=[2], dtype='float64')"
    )
    assert eval(repr(space), vars(spaces)) == space  # noqa: S307
    assert repr(spaces.Discrete(4)) == "Discrete(n=4, start=0, dtype='int64')"


def test_spaces_differ_by_each_of_their_arguments():
    different = [
        spaces.Discrete(4),
        spaces.Discrete(5),
        spaces.Discrete(4, start=1),
        spaces.Discrete(4, dtype="int32"),
        spaces.Box(0, 1, (2,)),
        spaces.Box(0, 2, (2,)),
        spaces.Box(-1, 1, (2,)),
        spaces.Box(0, 1, (3,)),
        spaces.Box(0, 1, (2,), "float64"),
        spaces.Box(0, [1, 2]),
        spaces.MultiDiscrete([4]),
        spaces.MultiDiscrete([[4]]),
        spaces.MultiDiscrete([4], start=1),
        spaces.MultiBinary(4),
        spaces.MultiBinary([2, 2]),
        spaces.Dict({"a": spaces.Discrete(4)}),
        spaces.Dict({"b": spaces.Discrete(4)}),
        spaces.Tuple([spaces.Discrete(4)]),
        spaces.Tuple([spaces.Discrete(4), spaces.Discrete(4)]),
    ]
    assert len(set(different)) == len(different)
    assert spaces.Box(0, 1, (2,)) == spaces.Box([0, 0], [1, 1])
    assert spaces.Discrete(4) != "Discrete(n=4, start=0, dtype='int64')"


def test_get_returns_a_description_as_it_is():
    box = spaces.Box(0, 1, (2,))
    assert spaces.get(box) is box
    assert spaces.get_as(spaces.Box, box, "action_space") is box


# Errors


@pytest.mark.parametrize("space", UNSUPPORTED, ids=repr)
def test_unsupported_space_is_named_with_what_is_supported(space):
    with pytest.raises(ValueError, match="`action_space` must be one of") as e:
        spaces.get(space, "action_space")
    assert "Box, Dict, Discrete, MultiBinary, MultiDiscrete, Tuple" in str(
        e.value
    )
    assert f"Received: action_space={space!r}" in str(e.value)


@pytest.mark.parametrize("space", UNSUPPORTED, ids=repr)
def test_unsupported_part_is_named_by_the_path_to_it(space):
    arm = gymnasium.spaces.Tuple((gymnasium.spaces.Discrete(2), space))
    with pytest.raises(ValueError, match="must be one of") as error:
        spaces.get(gymnasium.spaces.Dict(arm=arm), "action_space")
    path = "action_space['arm'][1]"
    assert str(error.value).startswith(f"`{path}` must be one of")
    assert f"Received: {path}={space!r}" in str(error.value)


@pytest.mark.parametrize("space", ["CartPole-v1", 3, None, np.zeros(3)])
def test_what_is_no_space_is_refused(space):
    with pytest.raises(TypeError, match=r"must be a `gymnasium.spaces") as e:
        spaces.get(space, "observation_space")
    assert f"observation_space={space!r} of type" in str(e.value)


def test_space_of_another_kind_is_refused():
    with pytest.raises(
        ValueError,
        match=r"`action_space` must be Discrete. Received: "
        r"action_space=Box\(low=0.0, ",
    ):
        spaces.get_as(spaces.Discrete, spaces.Box(0, 1, (2,)), "action_space")


def test_unknown_kind_is_refused():
    with pytest.raises(ValueError, match="Received: kind='Ball'"):
        spaces.deserialize({"kind": "Ball", "radius": 1})
    with pytest.raises(ValueError, match="Received: kind=None"):
        spaces.get({"n": 3})
