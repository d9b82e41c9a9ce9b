import json

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from keras_cem import spaces
from tests import strategies


@strategies.examples(150)
@given(strategies.any_space)
def test_json_and_back(space):
    text = json.dumps(spaces.serialize(space), allow_nan=False)
    again = spaces.deserialize(json.loads(text))
    assert again == space
    for leaf, other in zip(space.leaves, again.leaves, strict=True):
        assert (leaf.shape, leaf.dtype) == (other.shape, other.dtype)


@strategies.examples(100)
@given(strategies.any_space)
def test_gymnasium_and_back(space):
    assert spaces.get(space.to_gymnasium()) == space


@strategies.examples(100)
@given(strategies.any_space, st.integers(0, 100))
def test_flatten_and_pack_are_inverse(space, seed):
    original = space.to_gymnasium()
    original.seed(seed)
    # A sample of a Box of no dimensions is no array, which gymnasium warns of.
    leaves = [np.asarray(leaf) for leaf in space.flatten(original.sample())]
    for leaf, value in zip(space.leaves, leaves, strict=True):
        assert np.shape(value) == leaf.shape
    packed = space.pack(leaves)
    assert packed in original
    for value, again in zip(leaves, space.flatten(packed), strict=True):
        np.testing.assert_array_equal(value, again)


@strategies.examples(100)
@given(strategies.any_space)
def test_names_of_leaves_are_unique_and_names(space):
    names = space.leaf_names
    assert len(set(names)) == len(names) == len(space.leaves)
    assert all(name.isidentifier() and name.isascii() for name in names)
