"""In-graph environments as gymnasium's vector environments.

Gymnasium ships no checker of vector environments. So these are the checks that
its own tests make of its own ones, and those functions of
`gymnasium.utils.env_checker` that work with arrays.
"""

import functools
import inspect
import json
from typing import NamedTuple

import gymnasium as gym
import numpy as np
import pytest
import tensorflow as tf
from gymnasium.utils import env_checker
from gymnasium.vector import AutoresetMode
from gymnasium.wrappers import vector as vector_wrappers

from keras_cem import envs, spaces
from keras_cem.envs import gymnasium_vector
from tests.envs import reference

pytestmark = pytest.mark.slow


class CountState(NamedTuple):
    count: tf.Tensor
    length: tf.Tensor


class Count(envs.Environment):
    """Counts its steps; row k ends after 2, 3, 4, ... of them."""

    id = "Count-v0"
    observation_space = spaces.Discrete(100)
    action_space = spaces.Discrete(5)
    lengths = (2, 3, 3)

    def initial(self, seeds):
        length = tf.constant(self.lengths)
        return CountState(tf.zeros_like(length), length)

    def transition(self, state, actions, seeds):
        state = state._replace(count=state.count + 1)
        rewards = tf.cast(actions, tf.float32)
        return state, rewards, state.count >= state.length

    def observe(self, state):
        return tf.cast(state.count, tf.int64)


def make(name, **arguments):
    return gym.make_vec(f"keras_cem/{name}", **arguments)


LIMIT = 30


@functools.cache
def three(name):
    """Three rows, compiled once, for tests that begin with a seeded reset."""
    return make(name, num_envs=3, max_episode_steps=LIMIT)


def test_next_step_autoreset():
    """As gymnasium's `test_autoreset_next_step`."""
    vector = gymnasium_vector.GraphVectorEnv(Count(), num_envs=3)
    observations, infos = vector.reset()
    np.testing.assert_array_equal(observations, [0, 0, 0])
    assert infos == {}
    expected = [
        ([1, 1, 1], [1, 2, 3], [False, False, False]),
        ([2, 2, 2], [1, 2, 3], [True, False, False]),
        ([0, 3, 3], [0, 2, 3], [False, True, True]),
        ([1, 0, 0], [1, 0, 0], [False, False, False]),
        ([2, 1, 1], [1, 2, 3], [True, False, False]),
    ]
    for observations, rewards, terminated in expected:
        result = vector.step([1, 2, 3])
        np.testing.assert_array_equal(result[0], observations)
        np.testing.assert_array_equal(result[1], rewards)
        np.testing.assert_array_equal(result[2], terminated)
        np.testing.assert_array_equal(result[3], [False] * 3)
        assert result[4] == {}


def test_time_limit():
    """A row may be truncated, terminated, or both; the limit restarts."""
    environment = Count(max_episode_steps=3)
    environment.lengths = (2, 3, 9)
    vector = gymnasium_vector.GraphVectorEnv(environment, num_envs=3)
    vector.reset()
    results = [vector.step([0, 0, 0]) for _ in range(8)]
    terminated = np.array([result[2] for result in results]).T
    truncated = np.array([result[3] for result in results]).T
    np.testing.assert_array_equal(
        terminated.astype(int),
        [
            [0, 1, 0, 0, 1, 0, 0, 1],
            [0, 0, 1, 0, 0, 0, 1, 0],
            [0, 0, 0, 0, 0, 0, 0, 0],
        ],
    )
    np.testing.assert_array_equal(
        truncated.astype(int),
        [
            [0, 0, 0, 0, 0, 0, 0, 0],
            [0, 0, 1, 0, 0, 0, 1, 0],
            [0, 0, 1, 0, 0, 0, 1, 0],
        ],
    )


def test_thousands_of_rows_are_played_and_begin_anew():
    vector = make("CartPole-v1", num_envs=4096)
    assert vector.num_envs == 4096
    observations, _ = vector.reset(seed=0)
    assert vector.observation_space.contains(observations)
    assert len(np.unique(observations, axis=0)) == 4096
    # Pushed to one side, every pole falls within a dozen steps.
    actions = np.ones(4096, np.int64)
    lengths, over = np.zeros(4096, int), np.zeros(4096, bool)
    for _ in range(12):
        observations, rewards, terminated, truncated, _ = vector.step(actions)
        assert vector.observation_space.contains(observations)
        np.testing.assert_array_equal(rewards[~over], 1.0)
        assert not truncated.any()
        lengths += ~over
        over |= terminated
    assert over.all()
    assert len(np.unique(lengths)) > 2
    vector.close()


@pytest.mark.parametrize("name", reference.ALL)
def test_spaces_and_description_equal_gymnasiums(name):
    ours = make(name, num_envs=3)
    theirs = gym.make_vec(name, num_envs=3, vectorization_mode="sync")
    for space in (
        "single_observation_space",
        "single_action_space",
        "observation_space",
        "action_space",
    ):
        assert getattr(ours, space) == getattr(theirs, space)
    assert ours.num_envs == 3
    assert ours.spec.max_episode_steps == theirs.spec.max_episode_steps
    assert ours.spec.reward_threshold == theirs.spec.reward_threshold
    assert ours.metadata["autoreset_mode"] == AutoresetMode.NEXT_STEP
    assert repr(ours) == f"GraphVectorEnv(keras_cem/{name}, num_envs=3)"


@pytest.mark.parametrize("name", reference.ALL)
def test_gymnasiums_environment_checks(name):
    vector = three(name)
    env_checker.check_reset_seed_determinism(vector)
    env_checker.check_reset_options(vector)
    env_checker.check_reset_return_info_deprecation(vector)
    env_checker.check_seed_deprecation(vector)
    env_checker.check_reset_return_type(vector)


@pytest.mark.parametrize("name", reference.ALL)
def test_what_comes_back(name):
    """As gymnasium's `test_vectorized`, with NumPy arrays."""
    vector = three(name)
    vector.action_space.seed(0)
    before, infos = vector.reset(seed=0)
    assert infos == {}
    for _ in range(20):
        observations, rewards, terminated, truncated, infos = vector.step(
            vector.action_space.sample()
        )
        assert observations in vector.observation_space
        assert observations.dtype == vector.observation_space.dtype
        for part, dtype in (
            (rewards, np.float32),
            (terminated, np.bool_),
            (truncated, np.bool_),
        ):
            assert type(part) is np.ndarray
            assert part.shape == (3,)
            assert part.dtype == dtype
        assert infos == {}
        assert not np.shares_memory(observations, before)
        observations[...] = 0  # writeable, and not the state
        before = observations


@pytest.mark.parametrize("name", reference.CLASSIC)
def test_steps_equal_gymnasiums_sync_vector_env(name):
    """Steps with ends; gymnasium's takes over the state before each."""
    ours = three(name)
    theirs = gym.make_vec(
        name, num_envs=3, vectorization_mode="sync", max_episode_steps=LIMIT
    )
    ours.action_space.seed(0)
    ours.reset(seed=0)
    theirs.reset(seed=0)
    starting = np.zeros(3, bool)
    num_ends = 0
    for _ in range(100):
        states = reference.rows(ours._playing.state)
        for env, state in zip(theirs.envs, states, strict=True):
            env.unwrapped.state = state.astype(np.float64)
        actions = ours.action_space.sample()
        results, expected = ours.step(actions), theirs.step(actions)
        moving = ~starting  # who starts draws other numbers
        for part, correct in zip(results[:2], expected[:2], strict=True):
            np.testing.assert_allclose(
                part[moving], correct[moving], rtol=1e-4, atol=1e-4
            )
        assert not results[1][starting].any()
        for part, correct in zip(results[2:4], expected[2:4], strict=True):
            np.testing.assert_array_equal(part, correct)
        starting = results[2] | results[3]
        num_ends += starting.sum()
    assert num_ends >= 9


@pytest.mark.parametrize("name", ["CartPole-v1", "FrozenLake-v1"])
def test_seed_makes_all_that_follows_repeatable(name):
    vector = three(name)

    def play(seed):
        vector.action_space.seed(1)
        played = [vector.reset(seed=seed)[0]]
        for _ in range(LIMIT + 10):
            played.append(vector.step(vector.action_space.sample())[0])
        played.append(vector.reset()[0])
        return np.array(played)

    first, second, other = play(0), play(0), play(1)
    np.testing.assert_array_equal(first, second)
    assert not np.array_equal(first, other)


def test_each_start_differs():
    vector = three("CartPole-v1")
    starts = [*vector.reset(seed=0)[0], *vector.reset()[0]]
    ended = np.zeros(3, bool)
    for _ in range(100):
        observations, _, terminated, truncated, _ = vector.step([1, 1, 1])
        starts += list(observations[ended])
        ended = terminated | truncated
    assert len(starts) > 20
    assert len(np.unique(starts, axis=0)) == len(starts)


def test_rows_do_not_depend_on_their_number():
    name = "MountainCar-v0"
    few = three(name)
    many = make(name, num_envs=9, max_episode_steps=LIMIT)
    few.reset(seed=3)
    many.reset(seed=3)
    for _ in range(LIMIT + 10):
        first = few.step(np.ones(3, int))[0]
        second = many.step(np.ones(9, int))[0]
        np.testing.assert_allclose(first, second[:3], rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"num_envs": 3, "vectorization_mode": "vector_entry_point"},
        {"force_mag": 5.0, "max_episode_steps": 9},
    ],
)
def test_make_vec_again_from_spec(arguments):
    """As gymnasium's `test_make_vec_with_spec`."""
    vector = make("CartPole-v1", **arguments)
    again = gym.make_vec(vector.spec)
    assert again.spec == vector.spec
    assert again.num_envs == vector.num_envs
    assert again.environment.parameters == vector.environment.parameters
    assert again.observation_space == vector.observation_space
    json.loads(vector.spec.to_json())


def test_parameters_reach_the_environment():
    vector = make("FrozenLake-v1", is_slippery=False, max_episode_steps=3)
    assert vector.environment.max_episode_steps == 3
    assert len(vector.environment.parameters.transitions[0][0]) == 1


def test_gymnasium_imports_the_module_by_itself():
    name = "keras_cem.envs.gymnasium_vector:keras_cem/MountainCar-v0"
    assert gym.make_vec(name, num_envs=2).num_envs == 2


def test_a_single_environment_is_not_there():
    with pytest.raises(gym.error.Error, match="entry_point"):
        gym.make("keras_cem/CartPole-v1")
    with pytest.raises(gym.error.Error, match="doesn't have an entry point"):
        make("CartPole-v1", vectorization_mode="sync")


def test_registered_later():
    envs.register("Count-v0", Count)
    try:
        gymnasium_vector.register_all()
        assert make("Count-v0", num_envs=3).environment.id == "Count-v0"
    finally:
        del envs.registry["Count-v0"]
        del gym.registry["keras_cem/Count-v0"]


def test_gymnasiums_wrappers_take_it():
    vector = vector_wrappers.RecordEpisodeStatistics(three("MountainCar-v0"))
    vector.reset(seed=0)
    lengths = []
    for _ in range(2 * LIMIT + 1):
        *_, infos = vector.step(np.array([0, 1, 0]))
        if "episode" in infos:
            lengths += list(infos["episode"]["l"][infos["_episode"]])
    assert lengths == [LIMIT] * 6


def test_signature_equals_the_base_class():
    for name in ("reset", "step"):
        ours = inspect.signature(getattr(gymnasium_vector.GraphVectorEnv, name))
        base = inspect.signature(getattr(gym.vector.VectorEnv, name))
        assert list(ours.parameters) == list(base.parameters)


def test_one_trace_a_step():
    traces = []

    class Traced(Count):
        def transition(self, state, actions, seeds):
            traces.append(actions)
            return super().transition(state, actions, seeds)

    vector = gymnasium_vector.GraphVectorEnv(Traced(), num_envs=3)
    vector.reset(seed=0)
    for dtype in (np.int8, np.int64, np.uint8):
        vector.step(np.array([0, 1, 2], dtype))
    assert len(traces) == 1


@pytest.mark.parametrize(
    ("name", "actions", "message"),
    [
        (
            "CartPole-v1",
            [0, 1, 2],
            r"`actions` must be in \[0, 1\]. Received: actions from 0 to 2",
        ),
        (
            "CartPole-v1",
            [0, 1],
            r"integers of shape \(3,\). Received: actions of shape \(2,\)",
        ),
        ("CartPole-v1", [0.0, 1.0, 1.0], r"dtype float64"),
        (
            "Pendulum-v1",
            [0.0, 0.0, 0.0],
            r"numbers of shape \(3, 1\). Received: actions of shape \(3,\)",
        ),
        ("Pendulum-v1", [["a"], ["b"], ["c"]], r"dtype <U1"),
    ],
)
def test_wrong_actions_are_refused(name, actions, message):
    vector = three(name)
    vector.reset(seed=0)
    with pytest.raises(ValueError, match=message):
        vector.step(actions)


def test_close_may_be_called_twice():
    vector = make("MountainCar-v0")
    vector.close()
    vector.close()
    assert vector.closed


def test_step_before_reset_is_refused():
    with pytest.raises(gym.error.ResetNeeded, match="before `reset`"):
        make("CartPole-v1").step([0])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"num_envs": 0},
            "`num_envs` must be at least 1. Received: num_envs=0",
        ),
        ({"render_mode": "human"}, "Received: render_mode='human'"),
        ({"forcemag": 1.0}, "Received: forcemag=1.0"),
    ],
)
def test_wrong_arguments_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        make("CartPole-v1", **arguments)


def test_reset_options_are_refused():
    with pytest.raises(ValueError, match=r"Received: options={'low': 0.0}"):
        three("CartPole-v1").reset(options={"low": 0.0})
