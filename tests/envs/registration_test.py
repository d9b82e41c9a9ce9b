import pytest

from keras_cem import envs
from tests.envs import reference


class Twin(envs.CartPole):
    id = "Twin-v0"


@pytest.fixture
def twin():
    envs.register("Twin-v0", Twin)
    yield
    del envs.registry["Twin-v0"]


@pytest.mark.parametrize("name", reference.ALL)
def test_registry_has_every_environment(name):
    assert isinstance(envs.registry[name]().observation_space.shape, tuple)


def test_make_finds_what_register_adds(twin):
    env = envs.make("Twin-v0", force_mag=1.0)
    assert isinstance(env, Twin)
    assert env.parameters.force_mag == 1.0


def test_register_takes_the_same_class_again(twin):
    envs.register("Twin-v0", Twin)


def test_register_refuses_a_taken_id(twin):
    with pytest.raises(
        ValueError, match=r"`id` must not be registered already. Received: id"
    ):
        envs.register("CartPole-v1", Twin)


def test_make_names_the_ids_for_an_unknown_one():
    with pytest.raises(ValueError, match=r"CartPole-v1.*id='CartPole-v7'"):
        envs.make("CartPole-v7")
