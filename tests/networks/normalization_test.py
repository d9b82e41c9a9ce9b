"""Observations of mean 0 and variance 1, inside of the policy."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_cem as cem
from keras_cem import spaces
from keras_cem.networks import moments
from keras_cem.networks.normalization import (
    NormalizedPolicy,
    RunningNormalization,
)
from tests import toy_envs  # noqa: F401 - registers them
from tests.helpers import (
    COMPILED,
    DISCRETE,
    EAGER,
    TRACED,
    assert_equal,
    improve,
    make_agent,
    make_trajectories,
)

pytestmark = pytest.mark.slow

RETURNS = np.arange(6.0)


def _seen(batch):
    return batch.observations[batch.mask].astype(np.float64)


def _statistics(agent):
    (layer,) = agent.policy.normalizations
    return layer.mean.numpy(), layer.squares.numpy() / layer.count.numpy()


@pytest.mark.parametrize(
    "mode", [EAGER, TRACED, COMPILED], ids=["eager", "traced", "compiled"]
)
def test_statistics_are_those_of_all_real_steps_so_far(mode):
    agent = make_agent(DISCRETE, mode=mode, normalize_observations=True)
    batches = []
    for seed in range(3):
        batch = make_trajectories(DISCRETE, RETURNS, seed=seed)
        batch = batch._replace(observations=batch.observations * 7 + 100)
        # What is not real may hold anything.
        batch.observations[~batch.mask] = np.nan
        batches.append(batch)
    improve(agent, *batches)
    numbers = np.concatenate([_seen(batch) for batch in batches])
    (layer,) = agent.policy.normalizations
    assert layer.count.numpy() == len(numbers)
    mean, variance = _statistics(agent)
    np.testing.assert_allclose(mean, numbers.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(variance, numbers.var(axis=0), rtol=1e-9)


def test_an_iteration_learns_with_the_statistics_that_it_acted_with():
    """Those of the iterations before: of none in the first."""
    plain = make_agent(DISCRETE)
    agent = make_agent(DISCRETE, normalize_observations=True)
    first, second = (
        make_trajectories(DISCRETE, RETURNS, seed=seed) for seed in (0, 1)
    )
    assert improve(agent, first)["loss"] == improve(plain, first)["loss"]
    numbers = _seen(first)
    by_hand = (second.observations - numbers.mean(axis=0)) / numbers.std(axis=0)
    scaled = second._replace(observations=by_hand.astype(np.float32))
    expected = improve(plain, scaled)["loss"]
    assert improve(agent, second)["loss"] == pytest.approx(expected, rel=1e-5)


def test_calling_changes_no_statistics():
    agent = make_agent(DISCRETE, normalize_observations=True)
    improve(agent, make_trajectories(DISCRETE, RETURNS))
    before = [v.numpy() for v in agent.policy.non_trainable_variables]
    x = np.random.default_rng(0).normal(9, 1, (5, 3)).astype(np.float32)
    agent(x, training=True)
    agent.predict(x, verbose=0)
    after = [v.numpy() for v in agent.policy.non_trainable_variables]
    assert_equal(before, after)
    assert agent.trainable_variables == agent.policy.policy.trainable_variables


def test_output_is_normalised_and_clipped():
    layer = RunningNormalization(clip=2.0)
    layer.build((None, 3))
    x = np.array([[1e3, -7.0, 5.0]], np.float32)
    np.testing.assert_array_equal(layer(x), x)
    numbers = np.array([[0.0, 0.0, 5.0], [4.0, -8.0, 5.0]])
    everyone = np.ones(2, bool)
    layer.update(moments.of_batch(tf.constant(numbers), everyone))
    # (1000 - 2) / 2 is clipped; (-7 + 4) / 4; what is constant is 0.
    np.testing.assert_allclose(layer(x), [[2.0, -0.75, 0.0]], rtol=1e-6)
    assert layer(x.astype(np.float64)).dtype == tf.float64
    again = RunningNormalization.from_config(layer.get_config())
    assert again.clip == 2.0


class Mixed(keras.layers.Layer):
    """Puts the parts of an observation side by side."""

    def call(self, inputs):
        leaves = [
            tf.reshape(tf.cast(leaf, tf.float32), (tf.shape(leaf)[0], -1))
            for leaf in tf.nest.flatten(inputs)
        ]
        return tf.concat(leaves, axis=1)


SPACE = spaces.Dict(
    {
        "camera": spaces.Box(0, 255, (2, 2, 1), "uint8"),
        "speed": spaces.Box(-np.inf, np.inf, (3,)),
        "where": spaces.Tuple(
            [spaces.Discrete(5), spaces.Box(0.0, 1.0, (), "float64")]
        ),
    }
)


def test_float_parts_of_nests_are_normalised_and_others_left_alone():
    policy = NormalizedPolicy(Mixed(), SPACE)
    shapes = [tuple(layer.mean.shape) for layer in policy.normalizations]
    assert shapes == [(3,), ()]
    generator = np.random.default_rng(0)
    speed = generator.normal(50, 3, (40, 3))
    height = generator.uniform(0, 1, 40)
    everyone = np.ones(40, bool)
    policy.update(
        [
            moments.of_batch(tf.constant(value), everyone)
            for value in (speed, height)
        ]
    )
    camera = generator.integers(0, 255, (40, 2, 2, 1)).astype(np.uint8)
    place = generator.integers(0, 5, 40)
    out = policy(
        {
            "camera": tf.constant(camera),
            "speed": tf.constant(speed, tf.float32),
            "where": (tf.constant(place), tf.constant(height)),
        }
    ).numpy()
    np.testing.assert_array_equal(out[:, :4], camera.reshape(40, 4))
    np.testing.assert_allclose(out[:, 4:7].mean(axis=0), 0, atol=1e-4)
    np.testing.assert_allclose(out[:, 4:7].std(axis=0), 1, atol=1e-4)
    np.testing.assert_array_equal(out[:, 7], place)
    np.testing.assert_allclose(out[:, 8].std(), 1, atol=1e-4)


def test_space_without_floats_is_refused():
    with pytest.raises(ValueError, match="normalize_observations=True") as e:
        NormalizedPolicy(Mixed(), spaces.Discrete(4))
    assert "observation_space=Discrete(n=4" in str(e.value)


def test_call_before_the_space_is_known_is_refused():
    agent = cem.CEMAgent(
        keras.layers.Dense(4), DISCRETE, normalize_observations=True
    )
    with pytest.raises(ValueError, match="observation_space=None"):
        agent(np.zeros((2, 3), np.float32))


@pytest.mark.parametrize(
    ("env", "engine"),
    [("ToySeeded-v0", "host"), ("CartPole-v1", "graph")],
    ids=["host", "graph"],
)
def test_rollouts_are_what_is_seen_on_both_engines(env, engine, tmp_path):
    agent = cem.CEMAgent.from_env(
        env, hidden_units=(4,), seed=1, normalize_observations=True
    )
    agent.compile("adam", **EAGER)
    options = {"batch_size": 6, "max_episode_steps": 8, "engine": engine}
    # The episodes of the first iteration, which starts from the same weights.
    agent.fit(env, verbose=0, **options)
    steps = int(agent.env_steps)
    (layer,) = agent.policy.normalizations
    assert layer.count.numpy() == steps
    assert np.all(layer.squares.numpy() > 0)
    scores = agent.evaluate(env, verbose=0, **options)
    assert layer.count.numpy() == steps
    agent.save(tmp_path / "agent.keras")
    again = keras.saving.load_model(tmp_path / "agent.keras")
    assert_equal(
        [v.numpy() for v in again.policy.variables],
        [v.numpy() for v in agent.policy.variables],
    )
    again.compile("adam", **EAGER)
    assert again.evaluate(env, verbose=0, **options) == scores
    agent.export(tmp_path / "policy")
    served = tf.saved_model.load(tmp_path / "policy")
    space = agent.observation_space
    x = np.random.default_rng(2).normal(size=(7, *space.shape))
    x = x.astype(np.float32)
    np.testing.assert_allclose(
        served.logits(x), agent.predict(x, verbose=0), rtol=1e-5
    )


def test_policy_by_itself_survives_saving(tmp_path):
    network = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    policy = NormalizedPolicy(network, spaces.Box(-1.0, 1.0, (3,)))
    numbers = np.random.default_rng(0).normal(5, 2, (9, 3))
    policy.update([moments.of_batch(tf.constant(numbers), np.ones(9, bool))])
    x = np.ones((2, 3), np.float32)
    expected = policy(x)
    policy.save(tmp_path / "policy.keras")
    again = keras.saving.load_model(tmp_path / "policy.keras")
    np.testing.assert_array_equal(again(x), expected)
