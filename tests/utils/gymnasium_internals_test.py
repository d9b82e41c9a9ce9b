"""The names of gymnasium that are not promised are there."""

import inspect

import gymnasium
import pytest
from gymnasium.envs.classic_control import CartPoleEnv
from gymnasium.envs.toy_text import FrozenLakeEnv, TaxiEnv
from gymnasium.vector import AsyncVectorEnv, SyncVectorEnv
from gymnasium.wrappers import TimeLimit

from keras_cem.utils import gymnasium_internals
from keras_cem.utils.private_names import gone

NAMES, FICKLE = gymnasium_internals.NAMES, "fickle_passenger"


@pytest.fixture
def owners():
    """An object of gymnasium for each class."""
    workers = AsyncVectorEnv([CartPoleEnv], context="forkserver")
    yield {
        "TimeLimit": TimeLimit(CartPoleEnv(), 7),
        "AsyncVectorEnv": workers,
        "SyncVectorEnv": SyncVectorEnv([CartPoleEnv] * 2),
        "FrozenLakeEnv": FrozenLakeEnv(),
        "TaxiEnv": TaxiEnv(),
    }
    workers.close()


@pytest.mark.parametrize("name", NAMES)
def test_name_is_there(name, owners):
    owner, attribute = name.split(".")
    if (
        attribute == FICKLE
        and FICKLE not in inspect.signature(TaxiEnv).parameters
    ):
        # Before gymnasium 1.2 no passenger is fickle.
        assert not gymnasium_internals.has_fickle_passenger(owners[owner])
        return
    assert hasattr(owners[owner], attribute), gone(name, "gymnasium", NAMES)


def test_time_limit_with_and_without_a_spec(owners):
    assert owners["TimeLimit"].spec is None
    assert gymnasium_internals.time_limit(owners["TimeLimit"]) == 7
    made = gymnasium.make("CartPole-v1", max_episode_steps=9)
    assert isinstance(made, TimeLimit)
    assert gymnasium_internals.time_limit(made) == 9
    # Without the private name.
    del made._max_episode_steps
    made = gymnasium.make("CartPole-v1")
    limited = TimeLimit(made, 5)
    assert gymnasium_internals.time_limit(limited) == 5
    assert gymnasium_internals.time_limit(made) == 500


def test_workers_are_a_process_and_a_pipe_each(owners):
    workers = owners["AsyncVectorEnv"]
    (process,) = gymnasium_internals.processes(workers)
    (pipe,) = gymnasium_internals.pipes(workers)
    assert process.is_alive()
    assert pipe.fileno() > 0
    assert gymnasium_internals.started_workers(workers) == ([process], [pipe])


def test_half_made_vector_environment_has_no_workers():
    half_made = AsyncVectorEnv.__new__(AsyncVectorEnv)
    assert gymnasium_internals.started_workers(half_made) == ([], [])


def test_sub_environments_and_their_makers(owners):
    sync = owners["SyncVectorEnv"]
    kinds = [type(env) for env in gymnasium_internals.sub_envs(sync)]
    assert kinds == [CartPoleEnv] * 2
    assert gymnasium_internals.makers(sync) == [CartPoleEnv] * 2


def test_toy_text_environment_has_its_tables_and_says_if_it_is_fickle(owners):
    lake = owners["FrozenLakeEnv"]
    assert len(getattr(lake, gymnasium_internals.TABLE)) == 16
    assert getattr(lake, gymnasium_internals.STARTS).sum() == 1.0
    assert not gymnasium_internals.has_fickle_passenger(owners["TaxiEnv"])
    owners["TaxiEnv"].fickle_passenger = True
    assert gymnasium_internals.has_fickle_passenger(owners["TaxiEnv"])


def test_missing_name_is_an_error_with_the_version():
    env = CartPoleEnv()
    with pytest.raises(RuntimeError, match=r"`SyncVectorEnv\.envs`") as error:
        gymnasium_internals.sub_envs(env)
    message = str(error.value)
    assert f"Received: gymnasium {gymnasium.__version__} without" in message
