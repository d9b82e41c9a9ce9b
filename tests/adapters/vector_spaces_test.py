"""Vector environments that say only part of what gymnasium asks for."""

import functools

import gymnasium
import numpy as np
import pytest

import keras_cem as cem
from keras_cem.adapters import vector_spaces
from keras_cem.engines import sources
from keras_cem.engines.playing import Options


class Concatenated(gymnasium.vector.VectorEnv):
    """As SuperSuit's `ConcatVecEnv`: its spaces are of one sub-environment.

    Three steps of reward 1; it resets itself in the step that ends.
    """

    def __init__(self, rows=True):
        self.num_envs = 2
        self.observation_space = gymnasium.spaces.Box(-1, 1, (3,), np.float32)
        self.action_space = gymnasium.spaces.Discrete(2)
        self._shape = (2, 3) if rows else (3,)

    def reset(self, *, seed=None, options=None):
        self._steps = 0
        return np.zeros(self._shape, np.float32), [{}, {}]

    def step(self, actions):
        assert np.shape(actions) == (2,)
        self._steps += 1
        over = np.full(2, self._steps % 3 == 0)
        zeros = np.zeros(self._shape, np.float32)
        return zeros, np.ones(2), over, np.zeros(2, bool), [{}, {}]


class OldReset(gymnasium.Env):
    """Its `reset` takes no `seed`."""

    observation_space = gymnasium.spaces.Box(-1, 1, (2,), np.float32)
    action_space = gymnasium.spaces.Discrete(2)
    made = 0

    def __init__(self):
        type(self).made += 1

    def reset(self):
        return np.zeros(2, np.float32), {}

    def step(self, action):
        return np.zeros(2, np.float32), 1.0, True, False, {}


def test_spaces_of_one_sub_environment_are_derived():
    agent = cem.CEMAgent.from_env(Concatenated(), hidden_units=(), seed=0)
    assert agent.observation_space.shape == (3,)
    played = agent.collect(Concatenated(), 4, max_episode_steps=9)
    np.testing.assert_array_equal(played.returns, [3.0] * 4)


def test_spaces_that_cannot_be_derived_are_refused_by_name():
    with pytest.raises(ValueError, match="`single_observation_space`") as e:
        vector_spaces.single_spaces(Concatenated(rows=False))
    assert "without single_observation_space, single_action_space" in str(
        e.value
    )


def test_unknown_autoreset_mode_is_refused():
    env = Concatenated()
    assert vector_spaces.autoreset_mode(env) is None
    env.metadata = {"autoreset_mode": "Sometimes"}
    with pytest.raises(ValueError, match="autoreset_mode='Sometimes'"):
        vector_spaces.autoreset_mode(env)


@pytest.mark.parametrize(
    ("name", "value"), [("num_envs", 2), ("vectorization_mode", "sync")]
)
def test_advice_for_a_vector_factory_is_not_what_was_done(name, value):
    options = Options(2, **{name: value})
    with pytest.raises(ValueError, match=f"`{name}` must be None") as error:
        sources.open_source(Concatenated, options)
    message = str(error.value)
    assert f"Leave `{name}` out, or pass a callable that returns a single" in (
        message
    )
    assert "Pass an id" not in message


@pytest.mark.parametrize("limited", [False, True])
@pytest.mark.filterwarnings("error:.*created again")
def test_method_without_an_argument_is_named_and_not_restarted(limited):
    """Also where a wrapper of gymnasium passes the argument on."""
    make = OldReset
    if limited:
        make = functools.partial(
            lambda: gymnasium.wrappers.TimeLimit(OldReset(), 5)
        )
    agent = cem.CEMAgent.from_env(make, hidden_units=(), seed=0)
    OldReset.made = 0
    with pytest.raises(RuntimeError, match="unexpected keyword") as error:
        agent.collect(make, 1, max_episode_steps=3)
    assert "def reset(self, *, seed=None, options=None)" in str(error.value)
    assert OldReset.made == 1


def test_type_error_inside_an_environment_is_still_restarted():
    """It may heal: a simulator that answers None once."""
    fails = [True]

    class Sometimes(OldReset):
        def reset(self, *, seed=None, options=None):
            if fails.pop() if fails else False:
                raise TypeError("unsupported operand type(s) for +")
            return super().reset()

    agent = cem.CEMAgent.from_env(Sometimes, hidden_units=(), seed=0)
    with pytest.warns(RuntimeWarning, match="created again"):
        played = agent.collect(Sometimes, 1, max_episode_steps=3)
    np.testing.assert_array_equal(played.returns, [1.0])


class BadClose(OldReset):
    """Its `close` raises."""

    def reset(self, *, seed=None, options=None):
        return super().reset()

    def close(self):
        raise TypeError("already closed")


@pytest.mark.parametrize("mode", ["sync", "async"])
@pytest.mark.filterwarnings("ignore:`close` of the environment")
def test_close_that_raises_costs_no_results(mode):
    agent = cem.CEMAgent.from_env(BadClose, hidden_units=(), seed=0)
    played = agent.collect(
        BadClose, 2, max_episode_steps=3, num_envs=2, vectorization_mode=mode
    )
    np.testing.assert_array_equal(played.returns, [1.0, 1.0])


def test_close_that_raises_is_told():
    with pytest.warns(RuntimeWarning, match="TypeError: already closed"):
        cem.CEMAgent.from_env(BadClose, hidden_units=(), seed=0)
