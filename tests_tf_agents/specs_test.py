"""Specs and spaces, one from the other."""

import collections

import numpy as np
import pytest
import tensorflow as tf
from tf_agents.specs import array_spec, tensor_spec

from keras_cem import spaces
from keras_cem.adapters.tf_agents import specs

bounded = array_spec.BoundedArraySpec

# Spec and the space of actions, of observations.
LEAVES = {
    "scalar": (
        bounded((), np.int32, 3, 5),
        spaces.Discrete(3, 3, "int32"),
        None,
    ),
    "wide": (bounded((), np.int64, -1, 0), spaces.Discrete(2, -1), None),
    "one": (
        bounded((1,), np.int64, 2, 4),
        spaces.MultiDiscrete([3], 2),
        spaces.Box(2, 4, (1,), "int64"),
    ),
    "several": (
        bounded((2,), np.int32, [0, 5], [1, 7]),
        spaces.MultiDiscrete([2, 3], [0, 5], "int32"),
        spaces.Box([0, 5], [1, 7], (2,), "int32"),
    ),
    "matrix": (
        bounded((2, 2), np.uint8, 0, 3),
        spaces.MultiDiscrete([[4, 4], [4, 4]], dtype="uint8"),
        spaces.Box(0, 3, (2, 2), "uint8"),
    ),
    "floats": (
        bounded((1,), np.float64, -2.0, 0.5),
        spaces.Box(-2.0, 0.5, (1,), "float64"),
        spaces.Box(-2.0, 0.5, (1,), "float64"),
    ),
    "infinite": (
        bounded((2,), np.float32, [-np.inf, 0.0], [np.inf, 1.0]),
        spaces.Box([-np.inf, 0.0], [np.inf, 1.0]),
        spaces.Box([-np.inf, 0.0], [np.inf, 1.0]),
    ),
}


def assert_same_spec(first, second):
    tf.nest.assert_same_structure(first, second)
    for one, other in zip(
        tf.nest.flatten(first), tf.nest.flatten(second), strict=True
    ):
        assert one == other
        assert one.dtype == other.dtype


@pytest.mark.parametrize("name", list(LEAVES))
def test_leaves_become_spaces_and_specs_again(name):
    spec, acted, observed = LEAVES[name]
    for acts, expected in ((True, acted), (False, observed or acted)):
        for form in (spec, tensor_spec.from_spec(spec)):
            side = specs.Side(form, "spec", acts=acts)
            assert side.space == expected
            assert_same_spec(specs.from_space(side.space, "spec"), spec)


@pytest.mark.parametrize(
    ("spec", "space"),
    [
        (
            array_spec.ArraySpec((2,), np.float32),
            spaces.Box(-np.inf, np.inf, (2,)),
        ),
        (
            array_spec.ArraySpec((), np.int32),
            spaces.Box(-(2**31), 2**31 - 1, (), "int32"),
        ),
        (bounded((), np.uint8, 0, 255), spaces.Discrete(256, dtype="uint8")),
    ],
    ids=["floats", "integers", "byte"],
)
def test_observations_may_be_unbounded(spec, space):
    assert specs.Side(spec, "spec", acts=False).space == space


Pair = collections.namedtuple("Pair", ["left", "right"])


def test_values_of_nests_go_there_and_back():
    leaf = bounded((), np.int32, 0, 1)
    side = specs.Side(
        Pair(left={"b": leaf, "a": [leaf, leaf]}, right=(leaf,)),
        "spec",
        acts=True,
    )
    one = spaces.Discrete(2, dtype="int32")
    assert side.space == spaces.Tuple(
        [
            spaces.Dict({"a": spaces.Tuple([one, one]), "b": one}),
            spaces.Tuple([one]),
        ]
    )
    value = Pair(left={"b": 1, "a": [2, 3]}, right=(4,))
    inside = side.to_space(value)
    assert inside == ({"a": (2, 3), "b": 1}, (4,))
    assert side.to_spec(inside) == value


def test_parts_of_a_space_have_names_of_their_own():
    space = spaces.Dict(
        {"a": spaces.Discrete(2), "b": spaces.Tuple([spaces.MultiBinary(3)])}
    )
    spec = specs.from_space(space, "observation")
    assert spec["a"].name == "observation/a"
    assert spec["b"][0].name == "observation/b/0"
    assert_same_spec(
        spec,
        {
            "a": bounded((), np.int64, 0, 1),
            "b": (bounded((3,), np.int8, 0, 1),),
        },
    )


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        (
            {"a": array_spec.ArraySpec((), np.int64)},
            r"`spec\['a'\]` must be bo",
        ),
        ([bounded((), np.int32, 0)], r"`spec\[0\]` must be bounded, .*int32"),
        (
            array_spec.ArraySpec((), np.bool_),
            "must have an integer or float dtype.*",
        ),
        (
            "spec",
            "`spec` must be a spec or a nest of specs.*'spec' of type str",
        ),
    ],
    ids=["unbounded", "half_bounded", "bool", "string"],
)
def test_refuses(spec, message):
    with pytest.raises(ValueError, match=message):
        specs.Side(spec, "spec", acts=True)
