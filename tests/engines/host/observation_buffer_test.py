import re

import gymnasium
import numpy as np
import pytest

from keras_cem import spaces
from keras_cem.engines.host.observation_buffer import (
    ObservationBuffer,
    ObservationError,
)

PAIR = spaces.Box(-10.0, 10.0, (2,), "float32")


def test_write_takes_one_row_and_copies_it():
    buffer = ObservationBuffer(PAIR, 3)
    observation = np.array([1.0, 2.0], np.float32)
    buffer.write(1, observation)
    observation[:] = 9.0
    np.testing.assert_array_equal(buffer.leaves[0], [[0, 0], [1, 2], [0, 0]])
    assert buffer.leaves[0].dtype == np.float32


def test_write_all_takes_all_rows_and_copies_them():
    buffer = ObservationBuffer(PAIR, 2)
    observations = np.array([[1, 2], [3, 4]], np.float32)
    buffer.write_all(observations)
    observations[:] = 9.0
    np.testing.assert_array_equal(buffer.leaves[0], [[1, 2], [3, 4]])


@pytest.mark.parametrize(
    "value",
    [
        np.array([0.5, 2.0], np.float64),  # what many environments return
        np.array([0.5, 2.0], np.float16),
        [0.5, 2.0],
        (np.float64(0.5), 2),
    ],
    ids=["float64", "float16", "list", "tuple"],
)
def test_write_casts_floats_of_other_widths(value):
    buffer = ObservationBuffer(PAIR, 1)
    buffer.write(0, value)
    np.testing.assert_array_equal(buffer.leaves[0], [[0.5, 2.0]])


@pytest.mark.parametrize("value", [2, np.int64(2), np.int32(2), np.array(2)])
def test_write_takes_integers_of_a_discrete_space(value):
    buffer = ObservationBuffer(spaces.Discrete(5), 2)
    buffer.write(1, value)
    np.testing.assert_array_equal(buffer.leaves[0], [0, 2])
    assert buffer.leaves[0].dtype == np.int64


@pytest.mark.parametrize(
    ("space", "value", "received"),
    [
        (PAIR, np.zeros(3, np.float32), "shape=(3,), dtype=float32"),
        (PAIR, np.zeros((1, 2), np.float32), "shape=(1, 2), dtype=float32"),
        (PAIR, np.float32(1), "shape=(), dtype=float32"),
        (PAIR, np.zeros(2, complex), "shape=(2,), dtype=complex128"),
        (PAIR, np.array([1.0, None]), "shape=(2,), dtype=object"),
        (PAIR, None, "shape=(), dtype=object"),
        (PAIR, {"position": 1.0}, "shape=(), dtype=object"),
        (PAIR, "left", "shape=(), dtype=<U4"),
        (
            spaces.Box(0, 255, (2,), "uint8"),
            np.zeros(2, np.float32),
            "shape=(2,), dtype=float32",
        ),
        (
            spaces.Box(0, 255, (2,), "uint8"),
            np.zeros(2, np.int64),
            "shape=(2,), dtype=int64",
        ),
        (spaces.Discrete(5), 2.0, "shape=(), dtype=float64"),
        (spaces.Discrete(5), [2], "shape=(1,), dtype=int64"),
    ],
)
def test_write_refuses_what_does_not_fit(space, value, received):
    buffer = ObservationBuffer(space, 1)
    expected = f"shape {space.shape} and dtype {space.dtype.name}"
    with pytest.raises(ObservationError, match=re.escape(expected)) as error:
        buffer.write(0, value)
    assert str(error.value).endswith(f"Received: {received}")


def test_write_refuses_lists_of_unequal_length():
    with pytest.raises(ObservationError, match="dtype=object"):
        ObservationBuffer(PAIR, 1).write(0, [[1.0], [1.0, 2.0]])


def test_write_all_refuses_another_number_of_rows():
    buffer = ObservationBuffer(PAIR, 2)
    with pytest.raises(ObservationError, match=re.escape("shape=(3, 2)")):
        buffer.write_all(np.zeros((3, 2), np.float32))


NESTED = spaces.Dict(
    {"at": PAIR, "seen": spaces.Tuple([spaces.Discrete(5), PAIR])}
)


def test_nest_is_kept_leaf_by_leaf():
    buffer = ObservationBuffer(NESTED, 3)
    # As environments return them: other order of keys, lists, wider types.
    buffer.write(1, {"seen": [np.int32(4), [5.0, 6.0]], "at": np.ones(2)})
    at, place, seen = buffer.leaves
    np.testing.assert_array_equal(at, [[0, 0], [1, 1], [0, 0]])
    np.testing.assert_array_equal(place, [0, 4, 0])
    np.testing.assert_array_equal(seen, [[0, 0], [5, 6], [0, 0]])
    assert [leaf.dtype.name for leaf in buffer.leaves] == [
        "float32",
        "int64",
        "float32",
    ]


def test_batch_of_nests_is_kept_leaf_by_leaf():
    buffer = ObservationBuffer(NESTED, 2)
    batch = gymnasium.vector.utils.batch_space(NESTED.to_gymnasium(), 2)
    batch.seed(0)
    sample = batch.sample()
    buffer.write_all(sample)
    for leaf, value in zip(buffer.leaves, NESTED.flatten(sample), strict=True):
        np.testing.assert_array_equal(leaf, value)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"at": np.zeros(2)}, "`observations` must be a dictionary with the"),
        (
            {"at": np.zeros(2), "seen": (1,)},
            "`observations['seen']` must be a tuple of 2",
        ),
        (
            {"at": np.zeros(2), "seen": (1, np.zeros(3))},
            "observations['seen'][1] must have shape (2,) and dtype float32",
        ),
        (
            {"at": np.zeros(2), "seen": (1.5, np.zeros(2))},
            "observations['seen'][0] must have shape () and dtype int64",
        ),
    ],
    ids=["keys", "length", "shape", "dtype"],
)
def test_part_that_does_not_fit_is_named_by_its_path(value, message):
    with pytest.raises(ObservationError, match=re.escape(message)):
        ObservationBuffer(NESTED, 1).write(0, value)


def test_nan_in_any_leaf_is_found():
    buffer = ObservationBuffer(NESTED, 3)
    buffer.leaves[0][0, 0] = np.inf
    buffer.leaves[2][2, 1] = np.nan
    np.testing.assert_array_equal(buffer.not_finite(np.arange(3)), [0, 2])


def test_observation_outside_of_a_finite_box_is_taken():
    buffer = ObservationBuffer(PAIR, 1)
    buffer.write(0, np.array([99.0, -99.0]))
    np.testing.assert_array_equal(buffer.leaves[0], [[99.0, -99.0]])
    assert buffer.not_finite(np.arange(1)).size == 0


def test_not_finite_names_the_slots_asked_for():
    buffer = ObservationBuffer(PAIR, 4)
    buffer.leaves[0][1, 0] = np.nan
    buffer.leaves[0][3, 1] = -np.inf
    np.testing.assert_array_equal(buffer.not_finite(np.arange(4)), [1, 3])
    np.testing.assert_array_equal(buffer.not_finite(np.array([0, 3])), [3])
    assert buffer.not_finite(np.array([0, 2])).size == 0
    assert buffer.not_finite(np.array([], int)).size == 0


@pytest.mark.filterwarnings("error")
def test_float64_is_finite_where_it_is_in_float32():
    space = spaces.Box(-np.inf, np.inf, (2,), "float64")
    buffer = ObservationBuffer(space, 5)
    assert buffer.is_double
    assert not ObservationBuffer(PAIR, 1).is_double
    buffer.leaves[0][:, 0] = [1 / 3, -1e38, 1e39, np.nan, -np.inf]
    np.testing.assert_array_equal(buffer.not_finite(np.arange(5)), [2, 3, 4])
    assert buffer.leaves[0][0, 0] == 1 / 3


def test_not_finite_passes_integers():
    buffer = ObservationBuffer(spaces.Discrete(5), 2)
    assert buffer.not_finite(np.arange(2)).size == 0
