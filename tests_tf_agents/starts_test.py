"""Trajectories that share a start, which takes an environment with seeds."""

import pytest
from tf_agents.environments import batched_py_environment

from keras_cem.agent.opening import open_playable
from tests_tf_agents import toys
from tests_tf_agents.helpers import make_agent

K = 4


def batched(**kwargs):
    return batched_py_environment.BatchedPyEnvironment(
        [toys.Py(**kwargs) for _ in range(2)], multithreading=False
    )


@pytest.mark.parametrize("make", [toys.Py, batched, toys.SeedRows])
def test_with_seeds_they_do(make):
    source = open_playable(make_agent(), make(), K, {"max_episode_steps": 9})
    assert source.seeded
    source.check_groups(2, None)


@pytest.mark.parametrize(
    ("make", "name"), [(toys.Py, "Py"), (batched, "BatchedPy")]
)
def test_without_seeds_they_are_refused(make, name):
    agent = make_agent(episodes_per_start=2)
    with pytest.raises(
        ValueError,
        match="`episodes_per_start` needs an environment whose start state "
        "follows from a seed. Received: episodes_per_start=2, environment "
        f".*{name}.* Add a method `seed`",
    ):
        agent.fit(make(seedable=False), batch_size=K, max_episode_steps=9)


def test_without_seed_rows_they_are_refused():
    agent = make_agent(episodes_per_start=2)
    with pytest.raises(ValueError, match=r"Native.* or `seed_rows` for a"):
        agent.fit(toys.Native(), batch_size=K, max_episode_steps=9)
