"""In-graph environments as `TFEnvironment`s."""

import numpy as np
import pytest
import tensorflow as tf
from tf_agents.drivers import dynamic_episode_driver
from tf_agents.metrics import tf_metrics

import keras_cem as cem
from keras_cem.adapters.tf_agents import CEMPolicy, GraphTFEnvironment
from tests_tf_agents.helpers import assert_same_trajectories


def play(env, actions, jit_compile):
    """The time steps of a reset and of some actions, stacked."""

    @tf.function(jit_compile=jit_compile)
    def reset():
        return env.reset()

    @tf.function(jit_compile=jit_compile)
    def step(action):
        return env.step(action)

    steps = [reset(), *(step(tf.constant(action)) for action in actions)]
    return tf.nest.map_structure(lambda *x: np.stack(x), *steps)


def pole(**kwargs):
    return GraphTFEnvironment(
        cem.envs.make("CartPole-v1", max_episode_steps=15), 5, **kwargs
    )


ACTIONS = np.random.default_rng(0).integers(0, 2, (40, 5))


def test_episodes_follow_one_another():
    played = play(pole(), ACTIONS, jit_compile=False)
    first, last = played.step_type == 0, played.step_type == 2
    assert first[0].all()
    # FIRST stands after LAST and nowhere else; its reward is 0.
    np.testing.assert_array_equal(first[1:], last[:-1])
    np.testing.assert_array_equal(played.reward, np.where(first, 0.0, 1.0))
    assert np.all(np.abs(played.observation[first]) <= 0.05)
    # CartPole terminates where the pole or the cart is too far out.
    place, _, angle, _ = np.moveaxis(played.observation, -1, 0)
    out = (np.abs(place) > 2.4) | (np.abs(angle) > np.deg2rad(12))
    np.testing.assert_array_equal(played.discount, np.where(out, 0.0, 1.0))
    assert (last & out).any()
    # The others are truncated, in the 15th step.
    for step, row in np.argwhere(last & ~out):
        assert first[step - 15, row]
    assert (last & ~out).any()


def test_compiled_and_eager_play_the_same():
    compiled = play(pole(seed=3), ACTIONS, jit_compile=True)
    eager = play(pole(seed=3), ACTIONS, jit_compile=False)
    tf.nest.map_structure(
        lambda x, y: np.testing.assert_allclose(x, y, rtol=1e-4, atol=1e-5),
        compiled,
        eager,
    )


def test_seeds_resets_and_current_time_step():
    env, other = pole(seed=1), pole(seed=2)
    begun = env.reset().observation
    np.testing.assert_array_equal(begun, pole(seed=1).reset().observation)
    assert np.all(begun != other.reset().observation)
    assert np.all(begun != env.reset().observation)
    stepped = env.step(tf.ones(5, tf.int64))
    tf.nest.map_structure(
        np.testing.assert_array_equal, env.current_time_step(), stepped
    )


def test_actions_of_a_box_and_its_specs():
    env = GraphTFEnvironment(cem.envs.make("Pendulum-v1"), batch_size=2)
    spec = env.action_spec()
    assert spec.shape == (1,)
    assert (spec.minimum, spec.maximum) == (-2.0, 2.0)
    played = play(env, np.zeros((3, 2, 1), np.float32), jit_compile=False)
    assert played.observation.shape == (4, 2, 3)


def test_driver_policy_and_metric():
    env = pole()
    agent = cem.CEMAgent.from_env(env, hidden_units=(4,), seed=0)
    policy = CEMPolicy(agent, env.time_step_spec(), env.action_spec())
    metric = tf_metrics.AverageReturnMetric(batch_size=5, buffer_size=50)
    driver = dynamic_episode_driver.DynamicEpisodeDriver(
        env, policy, [metric], num_episodes=50
    )
    tf.function(driver.run)()
    assert 5 < float(metric.result()) <= 15


def test_agents_play_what_is_inside():
    env = pole()
    agent = cem.CEMAgent.from_env(env, hidden_units=(4,), seed=0)
    assert_same_trajectories(
        agent.collect(env, 7, epsilon=0.5),
        agent.collect(env.environment, 7, epsilon=0.5),
    )


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"environment": "CartPole-v1"}, TypeError, "`environment` must be a"),
        ({"batch_size": 0}, ValueError, "`batch_size` must be .* batch_size=0"),
        ({"seed": -1}, ValueError, r"`seed` must be in \[0, .* seed=-1"),
    ],
    ids=["environment", "batch_size", "seed"],
)
def test_refuses(arguments, error, message):
    arguments = {"environment": cem.envs.make("CartPole-v1"), **arguments}
    with pytest.raises(error, match=message):
        GraphTFEnvironment(**arguments)
