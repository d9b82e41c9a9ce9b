"""Small policies act by NumPy as by TensorFlow."""

import gymnasium
import keras
import numpy as np
import pytest

from keras_cem import heads, networks, prng, spaces
from keras_cem.engines.groups import NO_GROUPS, Groups
from keras_cem.engines.host import array_actor
from keras_cem.engines.host.actor import Actor
from keras_cem.engines.host.array_actor import ArrayActor, new_actor

OBSERVATIONS = spaces.Box(-1.0, 1.0, (3,))
DISCRETE = heads.for_space(gymnasium.spaces.Discrete(4))
SIZE = 6


@pytest.fixture(scope="module")
def policy():
    return networks.mlp((3,), 4, seed=0)


def actor(policy, head=DISCRETE, **options):
    arguments = {
        "num_envs": SIZE,
        "explore": True,
        "groups": NO_GROUPS,
        "compiled": True,
    }
    return new_actor(policy, head, OBSERVATIONS, **{**arguments, **options})


def played(actor, epsilon, num_steps=40):
    """Actions for random observations, some trajectories after others."""
    rng = np.random.default_rng(0)
    act = actor.bind(epsilon, 7, prng.EXPLORATION, 3)
    counter = np.zeros((2, SIZE), np.int32)
    counter[0] = np.arange(SIZE)
    actions = []
    for step in range(num_steps):
        observations = rng.normal(size=(SIZE, 3)).astype(np.float32)
        leaves, finite = act([observations], counter)
        assert finite.all()
        actions.append(leaves[0])
        counter[1] += 1
        counter[:, step % SIZE] = SIZE + step, 0
    return np.array(actions)


@pytest.mark.parametrize("explore", [True, False])
def test_actions_are_those_of_tensorflow(policy, explore):
    by_numpy = actor(policy, explore=explore)
    by_tensorflow = actor(policy, explore=explore, compiled=False)
    assert isinstance(by_numpy, ArrayActor)
    assert isinstance(by_tensorflow, Actor)
    actions = played(by_numpy, 0.5)
    np.testing.assert_array_equal(actions, played(by_tensorflow, 0.5))
    assert len(set(actions.reshape(-1).tolist())) > 2


def test_rows_that_are_not_finite_are_told_without_warnings(policy):
    act = actor(policy, explore=False).bind(0.0, 0, prng.EXPLORATION, 0)
    observations = np.zeros((SIZE, 3), np.float32)
    observations[2, 0], observations[4] = np.nan, np.inf
    counter = np.zeros((2, SIZE), np.int32)
    _, finite = act([observations], counter)
    assert finite.tolist() == [True, True, False, True, False, True]


def test_other_exploration_acts_by_tensorflow(policy, monkeypatch):
    # Without the compilation of a policy.
    monkeypatch.setattr(array_actor, "Actor", lambda *args, **kwargs: "Actor")
    held = heads.for_space(gymnasium.spaces.Discrete(4), persistence=2)
    for options in (
        {"head": held},
        {"groups": Groups(per_policy=2)},
        {"compiled": False},
    ):
        assert actor(policy, **options) == "Actor"


def test_new_weights_act_in_the_next_iteration(policy):
    copy = keras.models.clone_model(policy)
    playing = actor(copy, explore=False)
    copy.set_weights([0 * weight for weight in policy.get_weights()])
    copy.layers[-1].bias.assign([0.0, 0.0, 1.0, 0.0])
    assert (played(playing, 0.0, num_steps=2) == 2).all()
