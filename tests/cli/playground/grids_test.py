"""Places of the environments whose observation is their number."""

import gymnasium
import numpy as np
import pytest

from keras_cem import spaces
from keras_cem.cli.playground import grids
from keras_cem.cli.playground.grids import Grid, GridSlice


@pytest.mark.parametrize(
    ("env", "grid"),
    [
        ("FrozenLake-v1", Grid(4, 4, 1)),
        ("FrozenLake8x8-v1", Grid(8, 8, 1)),
        ("CliffWalking-v1", Grid(4, 12, 1)),
        ("Taxi-v4", Grid(5, 5, 20)),
    ],
)
def test_grids_are_those_of_gymnasium(env, grid):
    made = gymnasium.make(env)
    space = spaces.get(made.observation_space)
    assert grids.of(space, env) == grid
    if env == "Taxi-v4":
        shape = made.unwrapped.desc[1:-1, 1:-1:2].shape
        state = made.unwrapped.encode(1, 3, 4, 2)
        columns, rows = grid.places(np.array([state]))
        assert (columns[0], rows[0]) == (3, 3)
    elif env == "CliffWalking-v1":
        shape = made.unwrapped.shape
    else:
        shape = made.unwrapped.desc.shape
    assert shape == (grid.rows, grid.columns)


@pytest.mark.parametrize(
    ("space", "env"),
    [
        (spaces.Discrete(47), "CliffWalking-v1"),
        (spaces.Discrete(15), "FrozenLake-v1"),
        (spaces.Discrete(16), "Mine-v0"),
        (spaces.Box(0, 1, (2,)), "FrozenLake-v1"),
    ],
)
def test_others_have_no_grid(space, env):
    assert grids.of(space, env) is None


def test_states_and_places_agree():
    grid = Grid(5, 4, 3)
    states = np.arange(60)
    columns, rows = grid.places(states)
    assert (columns[0], rows[0]) == (0, 4)
    np.testing.assert_array_equal(
        grid.states(columns, rows, 2), states // 3 * 3 + 2
    )


def test_slice_goes_by_rows_from_below():
    grid = Grid(2, 3, 1)
    part = GridSlice(grid, (0, 1), 0)
    np.testing.assert_array_equal(
        part.observations(6).reshape(6, 6)[::3, ::2], [[3, 4, 5], [0, 1, 2]]
    )
    turned = GridSlice(grid, (1, 0), 0)
    np.testing.assert_array_equal(
        turned.observations(6).reshape(6, 6)[::2, ::3],
        [[3, 0], [4, 1], [5, 2]],
    )


def test_what_is_seen_most_often_is_kept():
    grid = Grid(5, 5, 20)
    part = GridSlice.of_most(grid, np.array([7, 27, 3]), (0, 1))
    assert part.rest == 7
