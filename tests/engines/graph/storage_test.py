"""How actions are stored."""

import numpy as np
import pytest

from keras_cem import spaces
from keras_cem.engines.graph.storage import storage_dtype


@pytest.mark.parametrize(
    ("space", "name"),
    [
        (spaces.Discrete(2), "int8"),
        (spaces.Discrete(128), "int8"),
        (spaces.Discrete(129), "int16"),
        (spaces.Discrete(2, start=127), "int16"),
        (spaces.Discrete(2, start=-(2**20)), "int32"),
        (spaces.Discrete(2, start=2**40), "int64"),
        (spaces.Box(-1, 1, (2,), "float64"), "float64"),
    ],
)
def test_actions_are_stored_in_the_smallest_type(space, name):
    assert storage_dtype(space) == np.dtype(name)
