"""Keys of environments are equal only where they behave the same."""

import dataclasses
import gc
import sys
import types
from typing import Any, NamedTuple

import numpy as np
import pytest
import tensorflow as tf

from keras_cem import envs, prng, spaces
from keras_cem.envs.code_reads import CodeReads
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


GRAVITY = 9.8
TABLE = np.arange(3.0)
LAYOUT = {"goal": [1, 2]}
settings = types.ModuleType("settings")
settings.speed = 1.0


class Constants:
    mass = 2.0
    unread = 1.0


def pull(x):
    """A function that the environment calls."""
    return x * GRAVITY


def paid(factor):
    def reward(x):
        return x * factor

    return reward


class Reading(Holding):
    """Reads more than its attributes."""

    scale = 1.0
    calls = 0
    unread = 1.0
    wind = Holding

    @property
    def doubled(self):
        return 2 * self.scale

    def transition(self, state, actions, seeds, slope=0.5):
        type(self).calls += 1
        self.latest = state
        rewards = (
            pull(state.x)
            + self.doubled
            + TABLE[0]
            + LAYOUT["goal"][0]
            + settings.speed
            + Constants.mass
            + slope
        )
        return state, self.held(rewards), state.x > 9


def run_through(env):
    env.transition(State(tf.ones(1)), None, None)


@pytest.mark.parametrize(
    ("owner", "name", "value"),
    [
        ("Reading", "scale", 2.0),
        ("Reading", "action_space", spaces.Discrete(3)),
        ("Reading", "truncated", lambda self, state: state.x > 0),
        (None, "GRAVITY", 1.6),
        (None, "TABLE", np.arange(1.0, 4.0)),
        (None, "LAYOUT", {"goal": [1, 3]}),
        (None, "pull", lambda x: x),
        (None, "settings", types.ModuleType("settings")),
        ("settings", "speed", 2.0),
        ("Constants", "mass", 3.0),
    ],
)
def test_what_the_code_reads_belongs_to_the_key(
    monkeypatch, owner, name, value
):
    module = sys.modules[__name__]
    owner = module if owner is None else getattr(module, owner)
    env = Reading(paid(1.0))
    before = key_of(env)
    assert key_of(env) == before
    with monkeypatch.context() as patch:
        patch.setattr(owner, name, value)
        assert key_of(env) != before
    assert key_of(env) == before


@pytest.mark.parametrize("part", [TABLE, LAYOUT["goal"]])
def test_arrays_and_nests_that_code_reads_may_be_changed_in_place(part):
    env = Reading(paid(1.0))
    before, value = key_of(env), part[0]
    part[0] = 7
    try:
        assert key_of(env) != before
    finally:
        part[0] = value
    assert key_of(env) == before


def test_closures_and_defaults_belong_to_the_key(monkeypatch):
    reward = paid(1.0)
    env = Reading(reward)
    before = key_of(env)
    monkeypatch.setattr(reward.__closure__[0], "cell_contents", 2.0)
    changed = key_of(env)
    assert changed != before
    monkeypatch.setattr(Reading.transition, "__defaults__", (0.25,))
    assert key_of(env) not in (before, changed)


def test_what_the_code_assigns_or_does_not_read_is_not_in_the_key(monkeypatch):
    env = Reading(paid(1.0))
    before = key_of(env)
    run_through(env)
    assert Reading.calls > 0
    assert env.latest is not None
    assert key_of(env) == before
    monkeypatch.setattr(Reading, "unread", 2.0)
    monkeypatch.setattr(Constants, "unread", 2.0)
    assert key_of(env) == before


def test_a_log_that_the_code_writes_is_not_in_the_key_but_which_it_is():
    def logging_to(log):
        class Logging(Holding):
            def observe(self, state):
                log.append(1)
                return super().observe(state)

        return Logging

    log = []
    env = logging_to(log)(1)
    before = key_of(env)
    env.observe(State(tf.ones(1)))
    assert log == [1]
    assert key_of(env) == before
    observe = type(env).observe
    cells = dict(
        zip(observe.__code__.co_freevars, observe.__closure__, strict=True)
    )
    cells["log"].cell_contents = []
    assert key_of(env) != before


def test_what_code_reaches_otherwise_is_not_in_the_key():
    """`docs/environments.md` says so."""

    class Hidden(Holding):
        factor = 1.0

        def transition(self, state, actions, seeds):
            rewards = state.x * getattr(self, "fac" + "tor")
            return state, rewards, state.x > 9

    env = Hidden(1)
    before = key_of(env)
    Hidden.factor = 2.0
    assert key_of(env) == before


def test_code_of_libraries_is_not_searched():
    env = envs.make("CartPole-v1")
    reads = CodeReads(type(env))
    reads.add_attributes(["initial", "transition", "observe"])
    assert reads.values() == []


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
