"""What every in-graph environment promises."""

import dataclasses
import json

import gymnasium
import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_cem import envs
from tests.envs import reference

# Bounds of the uniform distributions that gymnasium's `reset` draws from.
START = {
    "Acrobot-v1": [(-0.1, 0.1)] * 4,
    "CartPole-v1": [(-0.05, 0.05)] * 4,
    "MountainCar-v0": [(-0.6, -0.4), (0.0, 0.0)],
    "MountainCarContinuous-v0": [(-0.6, -0.4), (0.0, 0.0)],
    "Pendulum-v1": [(-np.pi, np.pi), (-1.0, 1.0)],
}


def play(env, step, num_rows=64, num_steps=5):
    """Some steps with random actions; returns each step's results, flat."""
    state, observations = env.reset(reference.seeds(num_rows))
    played = [observations]
    for time in range(num_steps):
        actions = reference.random_actions(env, num_rows, seed=time)
        seeds = reference.seeds(num_rows, offset=time + 1)
        state, *results = step(state, tf.constant(actions), seeds)
        played += tf.nest.flatten((state, results))
    return [np.array(part) for part in played]


def leaves(state):
    return [leaf.numpy() for leaf in tf.nest.flatten(state)]


@pytest.mark.parametrize("name", reference.ALL)
def test_description_equals_gymnasium(name):
    env, ref = envs.make(name), gymnasium.make(name)
    for space in ("observation_space", "action_space"):
        ours = getattr(env, space).to_gymnasium()
        assert ours == getattr(ref, space)
        assert ours.dtype == getattr(ref, space).dtype
    assert env.id == name
    assert env.max_episode_steps == ref.spec.max_episode_steps
    assert env.reward_threshold == ref.spec.reward_threshold


@pytest.mark.slow
@pytest.mark.parametrize("name", reference.ALL)
def test_eager_graph_and_xla_agree(name):
    env = envs.make(name)
    eager = play(env, env.step)
    for jit_compile in (False, True):
        step = tf.function(env.step, jit_compile=jit_compile)
        for expected, part in zip(eager, play(env, step), strict=True):
            assert part.dtype == expected.dtype
            np.testing.assert_allclose(part, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", reference.ALL)
def test_same_seeds_give_the_same_episodes(name):
    env = envs.make(name)
    first, second = play(env, env.step), play(env, env.step)
    for one, other in zip(first, second, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("name", [*reference.CLASSIC, reference.TOY_TEXT[-1]])
def test_other_seeds_give_other_starts(name):
    env = envs.make(name)
    one = env.initial(reference.seeds(100, offset=0))[0]
    other = env.initial(reference.seeds(100, offset=1))[0]
    assert np.mean(one == other) < 0.1


@pytest.mark.parametrize("name", reference.ALL)
def test_rows_do_not_depend_on_other_rows(name):
    env = envs.make(name)
    seeds = reference.seeds(64)
    actions = reference.random_actions(env, 64, seed=0)
    state, _ = env.reset(seeds)
    expected = leaves(env.step(state, actions, seeds))
    order = np.random.default_rng(0).permutation(64)[:50]

    chosen = [tf.gather(word, order) for word in seeds]
    state, _ = env.reset(chosen)
    results = leaves(env.step(state, actions[order], chosen))

    for part, whole in zip(results, expected, strict=True):
        np.testing.assert_allclose(part, whole[order], rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("name", reference.CLASSIC)
def test_nan_stays_in_its_row(name):
    env = envs.make(name)
    seeds = reference.seeds(8)
    actions = reference.random_actions(env, 8, seed=0)
    rows = reference.random_states(name, 8, seed=1)
    expected = leaves(env.step(reference.make_state(env, rows), actions, seeds))
    rows[3] = np.nan
    results = leaves(env.step(reference.make_state(env, rows), actions, seeds))
    others = np.arange(8) != 3
    for part, whole in zip(results, expected, strict=True):
        np.testing.assert_array_equal(part[others], whole[others])


@pytest.mark.parametrize("name", reference.CLASSIC)
def test_starts_are_uniform_and_independent(name):
    size = 20_000
    env = envs.make(name)
    columns = leaves(env.initial(reference.seeds(size)))
    for column, (low, high) in zip(columns, START[name], strict=True):
        if low == high:
            np.testing.assert_array_equal(column, low)
            continue
        assert np.all((column >= np.float32(low)) & (column <= high))
        # Kolmogorov and Smirnov; chance exceeds 1.95 / sqrt(n) once in 1000.
        expected = (np.sort(column) - low) / (high - low)
        distance = np.abs(expected - (np.arange(size) + 0.5) / size).max()
        assert distance < 1.95 / np.sqrt(size)
    varying = [c for c in columns if c.std() > 0]
    correlations = np.corrcoef(varying) - np.eye(len(varying))
    assert np.abs(correlations).max() < 4 / np.sqrt(size)


@pytest.mark.parametrize("name", ["Acrobot-v1", "CartPole-v1", "FrozenLake-v1"])
@pytest.mark.parametrize("dtype", ["int8", "uint8", "int32", "int64"])
def test_actions_may_be_any_integers(name, dtype):
    env = envs.make(name)
    seeds = reference.seeds(16)
    actions = reference.random_actions(env, 16, seed=0)
    state, _ = env.reset(seeds)
    expected = leaves(env.step(state, tf.constant(actions), seeds))
    results = env.step(state, tf.constant(actions, dtype), seeds)
    for part, whole in zip(leaves(results), expected, strict=True):
        np.testing.assert_array_equal(part, whole)


@pytest.mark.parametrize("name", reference.ALL)
def test_observations_can_be_computed_again(name):
    env = envs.make(name)
    seeds = reference.seeds(16)
    state, observations = env.reset(seeds)
    np.testing.assert_array_equal(env.observe(state), observations)
    actions = reference.random_actions(env, 16, seed=0)
    state, observations, *_ = env.step(state, actions, seeds)
    np.testing.assert_array_equal(env.observe(state), observations)


@pytest.mark.parametrize("name", reference.ALL)
def test_config_brings_the_environment_back(name):
    env = envs.make(name, max_episode_steps=7)
    config = json.loads(json.dumps(env.get_config()))
    again = type(env).from_config(config)
    assert again.parameters == env.parameters
    assert again.max_episode_steps == 7
    assert again.id == name
    assert again.reward_threshold == env.reward_threshold


def test_keras_saves_and_loads_an_environment():
    env = envs.make("Pendulum-v1", g=9.81)
    config = keras.saving.serialize_keras_object(env)
    again = keras.saving.deserialize_keras_object(config)
    assert again.parameters == env.parameters


def test_derived_numbers_follow_the_parameters():
    parameters = envs.make("CartPole-v1", masspole=0.3).parameters
    assert parameters.total_mass == 1.3
    assert parameters.polemass_length == 0.15


def test_parameters_are_frozen():
    parameters = envs.make("CartPole-v1").parameters
    with pytest.raises(dataclasses.FrozenInstanceError):
        parameters.gravity = 1.0


def test_numbers_become_floats():
    # An int or float64 would change the dtype of a tensor made of it.
    parameters = envs.make("CartPole-v1", force_mag=5).parameters
    assert type(parameters.force_mag) is float
    parameters = envs.make("Pendulum-v1", g=np.float64(9.81)).parameters
    assert type(parameters.g) is float


def test_repr_shows_what_makes_the_environment():
    shown = repr(envs.make("MountainCar-v0", force=0.002))
    assert shown.startswith("MountainCar(max_episode_steps=200, ")
    assert "force=0.002" in shown


@pytest.mark.parametrize(
    ("parameters", "error", "message"),
    [
        (
            {"forcemag": 5.0},
            ValueError,
            r"Parameters of CartPole-v1 must be among: force_mag, gravity, .*"
            r"Received: forcemag=5.0",
        ),
        (
            {"force_mag": "5"},
            TypeError,
            r"`force_mag` of CartPole-v1 must be a number. "
            r"Received: force_mag='5'",
        ),
        (
            {"force_mag": True},
            TypeError,
            r"must be a number. Received: force_mag=True",
        ),
        (
            {"force_mag": float("nan")},
            ValueError,
            r"`force_mag` of CartPole-v1 must be finite. Received: "
            r"force_mag=nan",
        ),
        (
            {"sutton_barto_reward": 1},
            TypeError,
            r"`sutton_barto_reward` of CartPole-v1 must be a bool. Received: "
            r"sutton_barto_reward=1",
        ),
        (
            {"kinematics_integrator": "rk4"},
            ValueError,
            r"must be 'euler' or 'semi-implicit euler'. Received: "
            r"kinematics_integrator='rk4'",
        ),
        (
            {"max_episode_steps": 0},
            ValueError,
            r"`max_episode_steps` must be at least 1. Received: "
            r"max_episode_steps=0",
        ),
        (
            {"max_episode_steps": 1.5},
            TypeError,
            r"`max_episode_steps` must be an int. Received: "
            r"max_episode_steps=1.5",
        ),
    ],
)
def test_wrong_parameters_are_refused(parameters, error, message):
    with pytest.raises(error, match=message):
        envs.make("CartPole-v1", **parameters)


def test_wrong_equations_are_refused():
    with pytest.raises(ValueError, match="Received: book_or_nips='paper'"):
        envs.make("Acrobot-v1", book_or_nips="paper")
