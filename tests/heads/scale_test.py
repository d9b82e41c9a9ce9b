import json
import re

import numpy as np
import pytest

from keras_cem import heads, spaces

BOX = spaces.Box(-np.inf, np.inf, (2,))
SPACE = spaces.Dict({"a": BOX, "b": spaces.Tuple([spaces.Discrete(2), BOX])})


def test_scale_of_one_array_is_as_it_is():
    assert heads.leaf_scales(BOX, [1.0, 2.0]) == [[1.0, 2.0]]
    assert heads.leaf_scales(BOX, None) == [None]


def test_one_number_is_the_scale_of_each_box():
    assert heads.leaf_scales(SPACE, 3.0) == [3.0, None, 3.0]
    assert heads.leaf_scales(SPACE, None) == [None] * 3


def test_nest_gives_each_leaf_its_own():
    nest = {"b": (None, 2.0), "a": [1.0, 4.0]}
    assert heads.leaf_scales(SPACE, nest) == [[1.0, 4.0], None, 2.0]
    head = heads.for_space(SPACE, action_scale=nest)
    np.testing.assert_array_equal(head.heads[0].scale, [1.0, 4.0])
    np.testing.assert_array_equal(head.heads[2].scale, [2.0, 2.0])


def test_nest_goes_to_json():
    nest = {"b": (None, np.float32(2.0)), "a": np.array([1.0, 4.0])}
    plain = json.loads(json.dumps(heads.plain_scale(nest)))
    assert plain == {"b": [None, 2.0], "a": [1.0, 4.0]}
    assert heads.plain_scale(None) is None
    assert heads.plain_scale(2) == 2


def test_nest_of_another_structure_is_refused_by_its_path():
    match = re.escape("`action_scale['b']` must be a tuple of 2")
    with pytest.raises(ValueError, match=match):
        heads.leaf_scales(SPACE, {"a": 1.0, "b": 2.0})
