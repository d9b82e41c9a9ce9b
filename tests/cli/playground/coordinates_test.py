import re

import numpy as np
import pytest

from keras_cem import Trajectories, envs, spaces
from keras_cem.cli.playground import coordinates


def played(observations, lengths):
    """Trajectories with a reward of 1 in each step."""
    size, steps = len(lengths), max(lengths)
    mask = np.arange(steps) < np.array(lengths)[:, None]
    return Trajectories(
        observations,
        np.zeros((size, steps), np.int64),
        np.ones((size, steps), np.float32),
        mask,
        np.ones(size, bool),
    )


@pytest.mark.parametrize(
    "env", ["CartPole-v1", "MountainCar-v0", "Pendulum-v1", "Acrobot-v1"]
)
def test_names_are_those_of_the_documentation(env):
    table = re.findall(
        r"^ *\| (\d) +\| (.*?) +\|", envs.make(env).__doc__ or "", re.M
    )
    assert coordinates.known_names(env) == {
        int(number): name for number, name in table
    }


def test_components_come_before_step_and_return():
    trajectories = played(np.arange(12.0).reshape(2, 2, 3), [2, 1])
    found = coordinates.of(trajectories, spaces.Box(0, 99, (3,)), "Mine-v0")
    assert found.names == [
        *(f"observation {number}" for number in range(3)),
        "step",
        "return so far",
    ]
    np.testing.assert_array_equal(found.values[0, 1], [3, 4, 5, 1, 2])
    assert coordinates.first_axes("Mine-v0", found) == (0, 1)


def test_angle_and_velocity_of_the_pole_are_shown_first():
    trajectories = played(np.zeros((1, 1, 4)), [1])
    space = envs.make("CartPole-v1").observation_space
    found = coordinates.of(trajectories, space, "CartPole-v1")
    x, y = coordinates.first_axes("CartPole-v1", found)
    assert found.names[x] == "pole angle"
    assert found.names[y] == "pole angular velocity"


def test_a_state_is_shown_over_time():
    trajectories = played(np.array([[3, 1, 2]]), [3])
    found = coordinates.of(trajectories, spaces.Discrete(4), "Maze-v0")
    assert found.names == ["state", "step", "return so far"]
    assert coordinates.first_axes("Maze-v0", found) == (1, 0)


def test_the_return_of_images_is_shown_over_time():
    trajectories = played(np.zeros((1, 2, 20, 20)), [2])
    found = coordinates.of(trajectories, spaces.Box(0, 9, (20, 20)), "Seen-v0")
    assert found.names == ["step", "return so far"]
    assert coordinates.first_axes("Seen-v0", found) == (0, 1)


def test_parts_of_nested_observations_are_components():
    trajectories = played(
        {"a": np.zeros((1, 2, 2)), "b": (np.ones((1, 2)),)}, [2]
    )
    found = coordinates.of(trajectories, None, "Nested-v0")
    assert found.num_components == 3
