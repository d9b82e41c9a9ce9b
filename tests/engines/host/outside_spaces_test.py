"""Integers of observations outside of their space are refused."""

import gymnasium
import numpy as np
import pytest
import tensorflow as tf
from gymnasium import spaces

import keras_cem as cem
from keras_cem.engines.host.environment import EpisodeError
from keras_cem.engines.host.observation_buffer import ObservationBuffer

pytestmark = pytest.mark.slow

DISCRETE = spaces.Discrete(4)
SHIFTED = spaces.Discrete(4, start=-2)
MULTI_DISCRETE = spaces.MultiDiscrete([3, 5])
GRID = spaces.MultiDiscrete([[3, 5], [2, 2]])
MULTI_BINARY = spaces.MultiBinary(3)
BYTES = spaces.Box(0, 255, (2,), np.uint8)
INT64 = np.iinfo(np.int64)

# Space, what is inside of it, what is not, and what the message shows.
OUTSIDE = [
    (DISCRETE, 3, 4, "Received: 4"),
    (DISCRETE, 0, -1, "Received: -1"),
    (DISCRETE, np.int8(1), np.int8(-1), "Received: -1"),
    (DISCRETE, 0, INT64.min, f"Received: {INT64.min}"),
    (DISCRETE, 0, INT64.max, f"Received: {INT64.max}"),
    (SHIFTED, -2, -3, "Received: -3"),
    (SHIFTED, 1, 2, "Received: 2"),
    (SHIFTED, 1, INT64.min, f"Received: {INT64.min}"),
    (MULTI_DISCRETE, [2, 4], [2, 5], r"Received: 5 at index \(1,\)"),
    (MULTI_DISCRETE, [0, 0], [-1, 0], r"Received: -1 at index \(0,\)"),
    (GRID, [[2, 4], [1, 1]], [[0, 0], [2, 0]], r"2 at index \(1, 0\)"),
    (MULTI_BINARY, [0, 1, 1], [0, 1, 2], r"Received: 2 at index \(2,\)"),
    (MULTI_BINARY, [0, 1, 1], [0, -1, 1], r"Received: -1 at index \(1,\)"),
]
# A narrower dtype would make other integers of them, inside of the space.
WRAPPED = [
    (MULTI_BINARY, [0, 1, 1], [0, 256, 1], r"Received: 256 at index \(1,\)"),
    (
        BYTES,
        np.array([0, 255], np.uint16),
        np.array([0, 300], np.uint16),
        r"Received: 300 at index \(1,\)",
    ),
]
NESTED = [
    (
        spaces.Dict({"a": DISCRETE, "b": MULTI_BINARY}),
        {"a": 1, "b": [0, 0, 1]},
        {"a": 7, "b": [0, 0, 1]},
        r"`observations\['a'\]` .*Received: 7",
    ),
    (
        spaces.Tuple((spaces.Dict({"a": MULTI_DISCRETE}), DISCRETE)),
        ({"a": [0, 0]}, 3),
        ({"a": [0, 9]}, 3),
        r"`observations\[0\]\['a'\]` .*Received: 9 at index \(1,\)",
    ),
]


def playing(space, inside, outside, at):
    """Makes an environment whose observation `at` is outside of its space."""

    class Lake(gymnasium.Env):
        observation_space = space
        action_space = spaces.Discrete(2)

        def reset(self, *, seed=None, options=None):
            self._step = 0
            return outside if at == 0 else inside, {}

        def step(self, action):
            self._step += 1
            observation = outside if at == self._step else inside
            return observation, float(action), self._step == 5, False, {}

    return Lake


def fit(make, network=None, **options):
    agent = cem.CEMAgent.from_env(
        make, hidden_units=(), seed=0, network=network or {}, epsilon=1.0
    )
    agent.compile("adam", run_eagerly=True)
    history = agent.fit(
        make, batch_size=4, max_episode_steps=5, verbose=0, **options
    )
    return history.history


@pytest.mark.parametrize("at", [0, 2])
@pytest.mark.parametrize(
    ("space", "inside", "outside", "shown"), NESTED + OUTSIDE
)
def test_integers_outside_of_their_space_are_refused_on_the_host(
    space, inside, outside, shown, at
):
    make = playing(space, inside, outside, at)
    with pytest.raises(
        EpisodeError,
        match=f"{shown}.*Environment .*Lake.*, sub-environment 0, "
        f"trajectory 0, step {at}",
    ):
        cem.CEMAgent.from_env(make, hidden_units=(), seed=0).collect(
            make, 2, max_episode_steps=5
        )


@pytest.mark.parametrize("at", [0, 2])
@pytest.mark.parametrize(("space", "inside", "outside", "shown"), WRAPPED)
def test_integers_that_a_dtype_would_wrap_are_refused_on_the_host(
    space, inside, outside, shown, at
):
    make = playing(space, inside, outside, at)
    # The call that returned it is the one before its step.
    with pytest.raises(
        EpisodeError, match=f"{shown}.*trajectory 0, step {max(at - 1, 0)}"
    ):
        cem.CEMAgent.from_env(make, hidden_units=(), seed=0).collect(
            make, 2, max_episode_steps=5
        )


@pytest.mark.parametrize("network", [{}, {"embedding": 2}])
def test_discrete_outside_of_its_space_is_refused_one_hot_and_embedded(network):
    with pytest.raises(EpisodeError, match=r"Received: 7\. .*step 3\."):
        fit(playing(DISCRETE, 1, 7, 3), network)


@pytest.mark.parametrize("at", [5, 6])
def test_what_is_observed_after_the_end_is_not_looked_at(at):
    assert len(fit(playing(DISCRETE, 1, 7, at))["episode_return"]) == 1


@pytest.mark.parametrize("mode", ["sync", "async"])
def test_vector_environments_are_refused_too(mode):
    make = playing(DISCRETE, 1, 7, 2)
    with pytest.raises(
        EpisodeError, match=r"Received: 7\. .*trajectory 0, step 2"
    ):
        fit(make, vectorization_mode=mode, num_envs=2)


def test_nonfinite_episodes_may_be_skipped_but_not_these():
    make = playing(DISCRETE, 1, 7, 2)
    agent = cem.CEMAgent.from_env(
        make, hidden_units=(), seed=0, on_nonfinite="skip"
    )
    agent.compile("adam")
    with pytest.raises(EpisodeError, match="Received: 7"):
        agent.fit(make, batch_size=4, max_episode_steps=5, verbose=0)


@pytest.mark.parametrize(
    ("space", "inside", "outside", "shown"), NESTED + OUTSIDE + WRAPPED
)
def test_act_refuses_integers_outside_of_their_space(
    space, inside, outside, shown
):
    make = playing(space, inside, outside, 0)
    agent = cem.CEMAgent.from_env(make, hidden_units=(), seed=0)
    assert agent.act(inside) in (0, 1)
    with pytest.raises(ValueError, match=shown):
        agent.act(outside)


def test_slots_that_are_not_in_use_are_not_looked_at():
    buffer = ObservationBuffer(cem.spaces.Discrete(4), 3)
    buffer.write(1, 9)
    assert buffer.outside(np.array([0, 2])) is None
    slot, message = buffer.outside(np.array([0, 1, 2]))
    assert slot == 1
    assert message.endswith("Received: 9")


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int32", "uint64"])
def test_every_integer_dtype_is_checked_at_both_ends(dtype):
    space = cem.spaces.MultiDiscrete([100, 100], start=[0, 20], dtype=dtype)
    buffer = ObservationBuffer(space, 1)
    for row, inside in [
        ([0, 20], True),
        ([99, 119], True),
        ([100, 20], False),
        ([0, 19], False),
        ([0, 120], False),
    ]:
        buffer.write(0, np.array(row, dtype))
        assert (buffer.outside(np.array([0])) is None) == inside, row


class InGraph(cem.envs.Tabular):
    """Observes 7 in the state that it goes to with action 1."""

    observation_space = cem.spaces.Discrete(4)

    def observe(self, state):
        return tf.where(tf.equal(state.index, 1), tf.int64.max, 2)


STAY_OR_GO = [
    [[(1.0, 0, 1.0, False)], [(1.0, 1, 1.0, False)]],
    [[(1.0, 1, 1.0, False)], [(1.0, 1, 1.0, False)]],
]


def test_integers_outside_of_their_space_are_refused_by_check_in_the_graph():
    env = InGraph(STAY_OR_GO, [1.0, 0.0], max_episode_steps=10)
    shown = (
        r"`observe` of Tabular must return `observations` in the "
        rf"observation space, Discrete\(n=4.*Received: {INT64.max} in row \d, "
        r"step 1 of random episodes"
    )
    with pytest.raises(ValueError, match=shown):
        cem.envs.check(env)
    with pytest.raises(ValueError, match=shown):
        cem.CEMAgent.from_env(env, hidden_units=(), seed=0)


def test_check_does_not_look_at_what_is_observed_after_the_end():
    goes = [(1.0, 1, 1.0, True)]
    table = [[[(1.0, 0, 1.0, False)], goes], [goes, goes]]
    cem.envs.check(InGraph(table, [1.0, 0.0], max_episode_steps=10))
