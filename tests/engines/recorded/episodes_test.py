import types

import numpy as np
import pytest

from keras_cem import spaces
from keras_cem.engines.recorded import episodes

OBSERVATIONS = spaces.Box(-1.0, 1.0, (2,))
ACTIONS = spaces.Discrete(3, start=1)


def episode(steps=3, **changes):
    """A sound episode of some steps, with fields changed or dropped."""
    fields = {
        "observations": np.arange(2.0 * steps + 2).reshape(-1, 2),
        "actions": np.arange(steps) % 3 + 1,
        "rewards": np.full(steps, 0.5),
        "terminations": np.arange(steps) == steps - 1,
        "truncations": np.zeros(steps, bool),
        **changes,
    }
    return {name: value for name, value in fields.items() if value is not None}


def read(*recorded, observations=OBSERVATIONS, actions=ACTIONS):
    return episodes.read(recorded, observations, actions)


def test_episodes_stand_one_after_the_other():
    found = read(episode(3), episode(1), episode(2))
    assert found.lengths.tolist() == [3, 1, 2]
    (observations,), (actions,) = found.observations, found.actions
    assert observations.dtype == np.float32
    assert actions.dtype == np.int64
    assert actions.tolist() == [1, 2, 3, 1, 1, 2]
    # The observation after the last action is no pair's.
    np.testing.assert_array_equal(
        observations, [[0, 1], [2, 3], [4, 5], [0, 1], [0, 1], [2, 3]]
    )
    np.testing.assert_array_equal(found.rewards, np.full(6, 0.5, np.float32))
    assert found.rewards.dtype == np.float32


def test_object_is_as_good_as_a_mapping():
    by_name, by_key = types.SimpleNamespace(**episode()), episode()
    assert episodes.is_episode(by_name)
    assert episodes.is_episode(by_key)
    first, second = read(by_name), read(by_key)
    np.testing.assert_array_equal(first.actions[0], second.actions[0])


def test_observation_after_the_last_action_may_be_missing():
    observations = np.zeros((3, 2), np.float32)
    assert read(episode(observations=observations)).lengths.tolist() == [3]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, True),
        ({"terminations": np.zeros(3, bool)}, False),
        ({"terminations": None}, False),
        ({"terminations": None, "terminated": True}, True),
        ({"terminations": None, "terminated": [False, False, True]}, True),
    ],
)
def test_terminated_is_the_last_flag_by_either_name(changes, expected):
    assert read(episode(**changes)).terminated.tolist() == [expected]


def test_nested_spaces_are_taken_apart():
    space = spaces.Dict(
        {"speed": spaces.Box(-9.0, 9.0, ()), "gear": spaces.Discrete(5)}
    )
    act = spaces.Tuple([spaces.Discrete(2), spaces.Box(-1.0, 1.0, (1,))])
    found = read(
        episode(
            2,
            observations={"gear": [1, 2, 3], "speed": [0.5, 1.5, 2.5]},
            actions=(np.array([0, 1]), np.array([[0.5], [-0.5]])),
        ),
        observations=space,
        actions=act,
    )
    gear, speed = found.observations
    assert (gear.tolist(), speed.tolist()) == ([1, 2], [0.5, 1.5])
    assert [leaf.shape for leaf in found.actions] == [(2,), (2, 1)]


@pytest.mark.parametrize(
    ("value", "meant"),
    [
        (np.zeros(3), False),
        ({"observations": 1, "actions": 2}, True),
        (3, False),
        ("an episode", False),
        (types.SimpleNamespace(observations=1, rewards=2), True),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_is_no_episode_is_refused_by_its_place(value, meant):
    # Half an episode is told as one, not as arrays of another use of `fit`.
    assert episodes.is_episode(value) == meant
    with pytest.raises(TypeError, match=r"`x\[1\]` must be an episode") as e:
        read(episode(), value)
    assert f"x[1] of type {type(value).__name__}" in str(e.value)


NAN = float("nan")
WRONG = [
    ({"rewards": np.zeros(0)}, "x[1].rewards", "shape=(0,)"),
    ({"rewards": np.zeros((3, 1))}, "x[1].rewards", "shape=(3, 1)"),
    ({"rewards": ["a", "b", "c"]}, "x[1].rewards", "dtype=<U1"),
    ({"rewards": [0.0, NAN, 0.0]}, "x[1].rewards", "Received: nan in step 1"),
    ({"rewards": np.zeros(4)}, "x[1].actions", "shape=(3,)"),
    ({"actions": [1.0, 2.0, 3.0]}, "x[1].actions", "dtype=float64"),
    ({"actions": [1, 2, 4]}, "x[1].actions", "Received: 4 in step 2"),
    ({"actions": [0, 2, 4]}, "x[1].actions", "Received: 0 in step 0"),
    ({"observations": np.zeros((5, 2))}, "x[1].observations", "shape=(5, 2)"),
    ({"observations": np.zeros((4, 3))}, "x[1].observations", "shape=(4, 3)"),
    (
        {"observations": [[0, 0], [0, NAN], [0, 0]]},
        "x[1].observations",
        "Received: [ 0. nan] in step 1",
    ),
]


def test_float64_observations_are_finite_in_float32():
    """In which policies compute."""
    space = spaces.Box(-np.inf, np.inf, (2,), "float64")

    def kept(value):
        observations = np.full((3, 2), value)
        found = read(episode(observations=observations), observations=space)
        return found.observations[0]

    assert kept(1 / 3).dtype == np.float64
    np.testing.assert_array_equal(kept(-1e38), np.full((3, 2), -1e38))
    with pytest.raises(ValueError, match="must be finite in float32") as error:
        kept(1e39)
    assert "Received: [1.e+39 1.e+39] in step 0" in str(error.value)


@pytest.mark.parametrize(("changes", "name", "received"), WRONG)
def test_what_does_not_fit_is_named_with_its_place(changes, name, received):
    with pytest.raises(ValueError, match="must") as error:
        read(episode(), episode(**changes))
    assert f"`{name}` must" in str(error.value)
    assert received in str(error.value)


def test_parts_of_nested_spaces_are_named():
    act = spaces.Tuple([spaces.Discrete(2), spaces.Box(-1.0, 1.0, (1,))])
    with pytest.raises(ValueError, match=r"`x\[0\].actions\[1\]` must be in"):
        read(
            episode(2, actions=(np.zeros(2, int), np.array([[0.5], [1.5]]))),
            actions=act,
        )
    with pytest.raises(ValueError, match=r"x\[0\].actions"):
        read(episode(2, actions=np.zeros(2)), actions=act)


def test_no_episode_is_refused():
    with pytest.raises(ValueError, match="at least one episode"):
        read()


@pytest.mark.parametrize(
    ("leaf", "values", "expected"),
    [
        (spaces.Discrete(2, start=5), [4, 5, 6, 7], [1, 0, 0, 1]),
        (
            spaces.Box([-1.0, 0.0], [1.0, 6.0]),
            [[-1.0, 6.0], [-1.5, 0.0], [0.0, NAN]],
            [0, 1, 1],
        ),
        (spaces.MultiDiscrete([2, 3]), [[1, 2], [2, 0]], [0, 1]),
        (spaces.MultiBinary(2), [[0, 1], [1, 2]], [0, 1]),
    ],
    ids=lambda value: type(value).__name__,
)
def test_rows_outside_of_a_space(leaf, values, expected):
    found = episodes.outside(leaf, np.array(values, leaf.dtype))
    np.testing.assert_array_equal(found, expected)
