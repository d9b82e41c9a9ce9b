"""Keys of environments are equal only where they behave the same."""

import dataclasses
import gc
import types
from typing import Any, NamedTuple

import numpy as np
import pytest
import tensorflow as tf

from keras_cem import envs, prng, spaces
from keras_cem.envs.content import key_of


class State(NamedTuple):
    x: tf.Tensor


class Holding(envs.Environment):
    """An environment with an attribute besides its parameters."""

    id = "Holding-v0"
    max_episode_steps = 5
    action_space = spaces.Discrete(2)
    observation_space = spaces.Box(-1.0, 1.0, (1,))

    def __init__(self, held):
        super().__init__()
        self.held = held

    def initial(self, seeds):
        return State(prng.row_uniform(seeds, 1)[0])

    def transition(self, state, actions, seeds):
        return state, 0 * state.x + 1.0, state.x > 9

    def observe(self, state):
        return tf.stack(state, -1)


class Renamed(Holding):
    """Another class with the same attributes."""


@dataclasses.dataclass(frozen=True)
class Pair:
    first: Any
    second: Any = None


def large(last):
    values = np.zeros(5000)
    values[2500] = last
    return values


@pytest.mark.parametrize(
    "make",
    [
        lambda: 1.5,
        lambda: float("nan"),
        lambda: np.arange(5000),
        lambda: tf.range(3),
        lambda: {"a": [1, (2.0, "b")]},
        lambda: Pair(np.zeros(2), None),
        lambda: types.SimpleNamespace(a=1),
        lambda: spaces.Box(0, 1, (2000,)),
        lambda: Holding(np.ones(2)),
        lambda: State(np.float32(3)),
    ],
)
def test_values_of_equal_content_share_a_key(make):
    first, second = key_of(Holding(make())), key_of(Holding(make()))
    assert first == second
    assert hash(first) == hash(second)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (1.0, -7.0),
        (1, 1.0),
        (1, True),
        (0.0, -0.0),
        (np.float32(1), np.float64(1)),
        (large(0), large(1)),
        (np.zeros((2, 3)), np.zeros((3, 2))),
        (np.zeros(1, np.int32), np.zeros(1, np.float32)),
        (tf.zeros(2), np.zeros(2, np.float32)),
        ([1, [2]], [[1], 2]),
        ([1, 2], (1, 2)),
        (Pair(1), Pair(2)),
        (Holding(1), Holding(2)),
        (spaces.Discrete(2), spaces.Discrete(2, start=1)),
        (tf.Variable(1.0), tf.Variable(1.0)),
        (object(), object()),
        (lambda: 1, lambda: 1),
    ],
)
def test_values_that_may_differ_have_keys_of_their_own(first, second):
    keys = key_of(Holding(first)), key_of(Holding(second))
    assert keys[0] != keys[1]
    assert keys[0] == key_of(Holding(first))


def test_class_belongs_to_the_key():
    assert key_of(Holding(1)) != key_of(Renamed(1))


def test_count_that_a_class_keeps_does_not_belong_to_the_key(monkeypatch):
    before = key_of(Holding(1))
    monkeypatch.setattr(Holding, "calls", 1, raising=False)
    assert key_of(Holding(1)) == before


def test_assignment_to_an_attribute_changes_the_key():
    env = Holding(1.0)
    before = key_of(env)
    env.held = 2.0
    assert key_of(env) != before
    env.held = 1.0
    assert key_of(env) == before


def test_what_is_derived_on_first_use_does_not_change_the_key():
    env = envs.Tabular([[[(1.0, 0, 1.0, False)]]], [1.0], max_episode_steps=2)
    before = key_of(env)
    env.initial((tf.zeros(1, tf.uint32), tf.zeros(1, tf.uint32)))
    assert "_table" in vars(env)
    assert key_of(env) == before


def test_ids_of_dead_objects_are_not_taken_for_others():
    keys = []
    for _ in range(50):
        keys.append(key_of(Holding(object())))
        gc.collect(0)
    assert len(set(keys)) == 50


def test_cycles_end():
    env = Holding(None)
    env.held = [env]
    assert key_of(env) == key_of(env)


@pytest.mark.parametrize("id", ["CartPole-v1", "FrozenLake-v1", "Pendulum-v1"])
def test_registered_environments_made_anew_share_a_key(id):
    assert key_of(envs.make(id)) == key_of(envs.make(id))


def test_parameters_belong_to_the_key():
    assert key_of(envs.make("CartPole-v1")) != key_of(
        envs.make("CartPole-v1", force_mag=5.0)
    )
    assert key_of(envs.make("FrozenLake-v1")) != key_of(
        envs.make("FrozenLake-v1", is_slippery=False)
    )
