import json

import numpy as np
import pytest

import keras_cem as cem
from keras_cem.engines import groups
from tests import toy_envs  # noqa: F401 - registers them
from tests.helpers import BOX, DISCRETE, make_policy


def _agent(action_space=DISCRETE, **kwargs):
    return cem.CEMAgent(make_policy(action_space), action_space, **kwargs)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            {"episodes_per_start": 4, "episodes_per_policy": 2},
            "Received: episodes_per_start=4, episodes_per_policy=2",
        ),
        (
            {"elite_memory": 9, "episodes_per_start": 4},
            "Received: episodes_per_start=4, elite_memory=9",
        ),
        (
            {"elite_memory": 9, "episodes_per_policy": 4},
            "Received: episodes_per_policy=4, elite_memory=9",
        ),
        (
            {"elite_memory_age": 3},
            "Received: elite_memory_age=3, elite_memory=None",
        ),
        (
            {"persistence": 5, "episodes_per_policy": 4},
            "Received: persistence=5, episodes_per_policy=4",
        ),
        (
            {
                "noise": "correlated",
                "episodes_per_policy": 4,
                "action_space": BOX,
            },
            "Received: noise='correlated', episodes_per_policy=4",
        ),
    ],
)
def test_options_that_contradict_each_other_are_shown(given, message):
    with pytest.raises(ValueError, match=r"must be None where|for an `") as e:
        _agent(**given)
    assert message in str(e.value)


@pytest.mark.parametrize(
    ("given", "kind"),
    [
        ({"discount": 0.0}, ValueError),
        ({"discount": 1.01}, ValueError),
        ({"discount": -0.5}, ValueError),
        ({"discount": float("nan")}, ValueError),
        ({"discount": "0.9"}, TypeError),
        ({"discount": None}, TypeError),
        ({"elite_memory": 0}, ValueError),
        ({"elite_memory": 2.5}, ValueError),
        ({"episodes_per_start": 1}, ValueError),
        ({"episodes_per_policy": 0}, ValueError),
        ({"normalize_observations": 1}, TypeError),
        ({"normalize_observations": "yes"}, TypeError),
    ],
)
def test_values_out_of_range_are_shown(given, kind):
    ((name, value),) = given.items()
    with pytest.raises(kind) as e:
        _agent(**given)
    shown = value if isinstance(value, float) else repr(value)
    assert f"`{name}` must be" in str(e.value)
    assert f"Received: {name}={shown}" in str(e.value)


def test_age_of_a_memory_is_at_least_one_iteration():
    with pytest.raises(ValueError, match="elite_memory_age=0"):
        _agent(elite_memory=5, elite_memory_age=0)


@pytest.mark.parametrize(
    ("size", "start", "policy", "suggested"),
    [(10, 4, None, 8), (3, 4, None, 4), (10, None, 4, 8), (4, None, 4, 8)],
)
def test_batch_size_that_groups_do_not_fill(size, start, policy, suggested):
    with pytest.raises(ValueError, match=f"Received: batch_size={size}") as e:
        groups.check_batch_size(size, start, policy)
    assert f"Give batch_size={suggested}" in str(e.value)
    assert groups.check_batch_size(suggested, start, policy) is None


def test_batch_size_is_refused_by_fit():
    agent = cem.CEMAgent.from_env("ToySeeded-v0", episodes_per_start=4)
    agent.compile("sgd")
    with pytest.raises(ValueError, match="batch_size=6, episodes_per_start=4"):
        agent.fit("ToySeeded-v0", batch_size=6)


def test_integers_of_numpy_are_saved_as_numbers():
    agent = _agent(elite_memory=np.int64(3), elite_memory_age=np.int32(2))
    assert json.loads(json.dumps(agent.get_config()))["elite_memory"] == 3


def test_options_survive_get_config():
    given = {
        "discount": 0.5,
        "elite_memory": 7,
        "elite_memory_age": 3,
        "normalize_observations": True,
    }
    again = cem.CEMAgent.from_config(_agent(**given).get_config())
    assert {name: getattr(again, name) for name in given} == given
    for name in ("episodes_per_start", "episodes_per_policy"):
        agent = cem.CEMAgent.from_config(_agent(**{name: 4}).get_config())
        assert getattr(agent, name) == 4
