"""Where a policy is looked at."""

import types

import numpy as np
import pytest

from keras_cem import spaces
from keras_cem.pictures import policy_slice
from keras_cem.pictures.policy_slice import PolicySlice
from tests.pictures.plots.plots_test import agent_of

VISITED = np.array(
    [[0.0, 5.0, 1.0], [2.0, 6.0, 3.0], [4.0, 9.0, 11.0]], np.float32
)


def test_it_reaches_a_little_further_than_what_was_visited():
    agent = agent_of(spaces.Discrete(2), [[0, 0]] * 3)
    over = PolicySlice.around(agent, VISITED, (0, 2))
    np.testing.assert_allclose(over.ranges, [(-0.6, 4.6), (-0.5, 12.5)])
    np.testing.assert_array_equal(over.others, [2, 6, 3])


def test_it_reaches_as_far_as_the_space():
    agent = agent_of(spaces.Discrete(2), [[0, 0]] * 3)
    agent.observation_space = spaces.Box([-1, -9, 0], [5, 9, np.inf])
    over = PolicySlice.around(agent, VISITED, (0, 2))
    np.testing.assert_allclose(over.ranges, [(-1, 5), (0, 12.5)])


def test_actions_are_those_of_two_components_and_the_median_of_the_rest():
    box = spaces.Box([-100.0] * 2, [100.0] * 2)
    agent = agent_of(box, [[1, 0], [10, 0], [0, 1]])
    over = PolicySlice.around(agent, VISITED, (0, 2))
    x, y, actions = over.actions(3)
    assert actions.shape == (3, 3, 2)
    for row in range(3):
        np.testing.assert_allclose(actions[row, :, 0], x + 60, rtol=1e-5)
        np.testing.assert_allclose(actions[row, :, 1], y[row], rtol=1e-5)


@pytest.mark.parametrize(
    ("observations", "actions", "can"),
    [
        (spaces.Box(-1.0, 1.0, (2,)), spaces.Discrete(2), True),
        (spaces.Box(-1.0, 1.0, (9,)), spaces.Box(-1.0, 1.0, (3,)), True),
        (spaces.Box(-1.0, 1.0, (1,)), spaces.Discrete(2), False),
        (spaces.Box(-1.0, 1.0, (2, 2)), spaces.Discrete(2), False),
        (spaces.Box(-1.0, 1.0, (2,)), spaces.MultiBinary(2), False),
        (spaces.Discrete(5), spaces.Discrete(2), False),
    ],
    ids=["two", "many", "one", "image", "binary", "discrete"],
)
def test_what_can_be_drawn(observations, actions, can):
    agent = types.SimpleNamespace(
        observation_space=observations, action_space=actions
    )
    assert policy_slice.can_be_drawn(agent) == can
