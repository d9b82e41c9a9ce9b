"""An agent's policy under TF-Agents' drivers, metrics and saver."""

import contextlib
import subprocess
import sys
import textwrap

import keras
import numpy as np
import pytest
import tensorflow as tf
from tf_agents.drivers import dynamic_episode_driver
from tf_agents.environments import tf_py_environment
from tf_agents.metrics import tf_metrics
from tf_agents.policies import policy_saver
from tf_agents.specs import array_spec
from tf_agents.trajectories import time_step as ts

import keras_cem as cem
from keras_cem import spaces
from keras_cem.adapters.tf_agents import CEMPolicy
from tests_tf_agents import toys
from tests_tf_agents.helpers import ACTION, OBSERVATION, make_agent

OBSERVATIONS = np.array(
    [[0.0, 0.5], [-0.5, 0.25], [1.0, -1.0], [0.25, 0.0]], np.float32
)
TIME_STEP_SPEC = toys.Py().time_step_spec()


def make_policy(agent, **kwargs):
    return CEMPolicy(agent, TIME_STEP_SPEC, toys.ACTION, **kwargs)


def first_step(observations=OBSERVATIONS):
    return ts.restart(tf.constant(observations), len(observations))


def later_step(observations=OBSERVATIONS):
    size = len(observations)
    return ts.transition(tf.constant(observations), tf.zeros(size))


def test_greedy_actions_are_those_of_the_agent():
    agent = make_agent()
    step = make_policy(agent).action(first_step())
    expected = [agent.act(observation) for observation in OBSERVATIONS]
    np.testing.assert_array_equal(step.action, expected)
    assert step.action.dtype == tf.int32
    assert step.state == ()


def test_its_variables_are_the_agents():
    agent = make_agent()
    policy = make_policy(agent)
    assert [id(variable) for variable in policy.variables()] == [
        id(weight.value) for weight in agent.policy.variables
    ]
    kernel, bias = agent.policy.get_weights()
    agent.policy.set_weights([0 * kernel, bias + np.array([0, 0, 1.0])])
    np.testing.assert_array_equal(policy.action(first_step()).action, 5)


class Opposite(cem.CEMAgent):
    """Does the opposite of what its policy says."""

    def call(self, inputs, training=None):
        return -super().call(inputs, training=training)


def test_overridden_call_acts():
    agent = make_agent()
    opposite = Opposite.from_config(agent.get_config())
    opposite.set_weights(agent.get_weights())
    expected = [opposite.act(observation) for observation in OBSERVATIONS]
    step = make_policy(opposite).action(first_step())
    np.testing.assert_array_equal(step.action, expected)
    assert np.any(step.action != make_policy(agent).action(first_step()).action)


def test_policy_acts_as_the_agent_does_after_compile():
    agent = make_agent()
    policy = make_policy(agent)
    policy.action(first_step())
    layer = agent.policy.layers[-1]
    layer.enable_lora(1)
    agent.compile("sgd")
    layer.lora_kernel_a.assign(np.ones(layer.lora_kernel_a.shape))
    layer.lora_kernel_b.assign([[100.0, 0.0, -100.0]])
    expected = [agent.act(observation) for observation in OBSERVATIONS]
    step = policy.action(first_step())
    np.testing.assert_array_equal(step.action, expected)
    assert len(set(expected)) > 1


def test_exploration_follows_the_agents_epsilon():
    agent = make_agent(epsilon=0.0)
    kernel, bias = agent.policy.get_weights()
    # Logits far apart: without epsilon, always the same action.
    agent.policy.set_weights([0 * kernel, bias + np.array([0, 99.0, 0])])
    policy = make_policy(agent, epsilon=agent.epsilon)
    many = np.zeros((1000, 2), np.float32)
    state = policy.get_initial_state(1000)
    np.testing.assert_array_equal(
        policy.action(first_step(many), state).action, 4
    )
    agent.epsilon.assign(0.6)
    actions = policy.action(first_step(many), state).action.numpy()
    # Of a third of 0.6 each: 200 of 1000, at a standard deviation of 13.
    for other in (3, 5):
        assert 140 < (actions == other).sum() < 260


def test_exploration_belongs_to_the_episode_and_its_step():
    policy = make_policy(make_agent(), epsilon=1.0)
    many = np.zeros((64, 2), np.float32)
    begun = policy.action(first_step(many), policy.get_initial_state(64))
    np.testing.assert_array_equal(begun.state["step"], 1)
    # It draws by what it is given, and something else in the next step.
    going_on = [policy.action(later_step(many), begun.state) for _ in "ab"]
    np.testing.assert_array_equal(going_on[0].action, going_on[1].action)
    next_one = policy.action(later_step(many), going_on[0].state)
    assert np.any(next_one.action != going_on[0].action)
    # FIRST begins an episode of its own, whatever the state.
    again = policy.action(first_step(many), next_one.state)
    np.testing.assert_array_equal(again.state["step"], 1)
    assert np.all(again.state["episode"] != begun.state["episode"])


def test_tensorflows_seed_makes_exploration_repeatable():
    policy = make_policy(make_agent(), epsilon=1.0)
    many = np.zeros((64, 2), np.float32)

    def actions(global_seed, **kwargs):
        tf.random.set_seed(global_seed)
        state = policy.get_initial_state(64)
        return policy.action(later_step(many), state, **kwargs).action.numpy()

    np.testing.assert_array_equal(actions(1), actions(1))
    assert np.any(actions(1) != actions(2))
    np.testing.assert_array_equal(actions(1, seed=5), actions(1, seed=5))
    assert np.any(actions(1, seed=5) != actions(1, seed=6))
    assert np.any(actions(1, seed=5) != actions(1))


def test_noise_of_the_state_is_that_of_the_episode():
    box = spaces.Box(-1.0, 1.0, (3,))
    agent = make_agent(box, noise="state", imitate="drawn")
    spec = array_spec.BoundedArraySpec((3,), np.float32, -1.0, 1.0)
    policy = CEMPolicy(agent, TIME_STEP_SPEC, spec, epsilon=9.0)
    many = np.ones((64, 2), np.float32)
    begun = policy.action(first_step(many), policy.get_initial_state(64))
    following = policy.action(later_step(many), begun.state)
    np.testing.assert_array_equal(begun.action, following.action)
    assert len(np.unique(begun.action.numpy().round(3), axis=0)) > 4
    assert np.abs(begun.action).max() == 1.0


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("epsilon", [None, 0.5])
def test_driver_and_metrics_play_whole_episodes(epsilon, compiled):
    agent = make_agent()
    with contextlib.closing(
        tf_py_environment.TFPyEnvironment(toys.Py(handle_auto_reset=True))
    ) as env:
        policy = CEMPolicy(
            agent, env.time_step_spec(), env.action_spec(), epsilon=epsilon
        )
        mean = tf_metrics.AverageReturnMetric()
        length = tf_metrics.AverageEpisodeLengthMetric()
        count = tf_metrics.NumberOfEpisodes()
        driver = dynamic_episode_driver.DynamicEpisodeDriver(
            env, policy, [mean, length, count], num_episodes=3
        )
        run = tf.function(driver.run) if compiled else driver.run
        run()
        assert int(count.result()) == 3
        if epsilon is None:
            # From where this environment starts without a seed.
            results = agent.evaluate(
                toys.Py(seedable=False),
                batch_size=2,
                max_episode_steps=9,
                return_dict=True,
                verbose=0,
            )
            np.testing.assert_allclose(
                [mean.result(), length.result()],
                [results["episode_return"], results["episode_length"]],
                rtol=1e-6,
            )


def test_saved_policy_acts_the_same_in_another_process(tmp_path):
    agent = make_agent()
    policy_saver.PolicySaver(make_policy(agent)).save(str(tmp_path / "greedy"))
    exploring = make_policy(agent, epsilon=agent.epsilon)
    policy_saver.PolicySaver(exploring).save(str(tmp_path / "exploring"))
    expected = [int(agent.act(row)) for row in OBSERVATIONS]
    # Where neither Keras 3 nor keras_cem can be imported.
    program = textwrap.dedent(
        f"""
        import os, sys
        os.environ["TF_USE_LEGACY_KERAS"] = "1"
        sys.modules["keras"] = sys.modules["keras_cem"] = None
        import numpy as np
        from tf_agents.policies import py_tf_eager_policy
        from tf_agents.specs import array_spec
        from tf_agents.trajectories import time_step as ts

        observations = np.array({OBSERVATIONS.tolist()}, np.float32)
        for name in ("greedy", "exploring"):
            policy = py_tf_eager_policy.SavedModelPyTFEagerPolicy(
                os.path.join({str(tmp_path)!r}, name),
                load_specs_from_pbtxt=True,
            )
            steps = [
                policy.action(ts.restart(row), policy.get_initial_state(1))
                for row in observations
            ]
            acted = [int(step.action) for step in steps]
            print(name, acted, len(policy.variables()))
            for step in steps:
                assert name == "greedy" or step.state["step"] == 1
        """
    )
    ended = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True
    )
    assert ended.returncode == 0, ended.stderr
    greedy, explored = ended.stdout.splitlines()[-2:]
    assert greedy == f"greedy {expected} 2"
    # Those of the network, and epsilon.
    assert explored.startswith("exploring [")
    assert explored.endswith("] 3")


def test_actions_of_a_box():
    action = array_spec.BoundedArraySpec((1,), np.float32, -2.0, 2.0, "force")
    agent = cem.CEMAgent(
        keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)]),
        cem.spaces.Box(-2.0, 2.0, (1,)),
        observation_space=OBSERVATION,
        seed=0,
    )
    policy = CEMPolicy(agent, TIME_STEP_SPEC, action, epsilon=0.5)
    step = policy.action(first_step(), policy.get_initial_state(4))
    assert step.action.shape == (4, 1)
    outputs = agent.predict(OBSERVATIONS, verbose=0)
    assert np.all(step.action != np.clip(outputs, -2, 2))
    assert np.all(np.abs(step.action) <= 2.0)


def test_distribution_is_refused():
    with pytest.raises(NotImplementedError, match="Call `action`"):
        make_policy(make_agent()).distribution(first_step())


def blank_agent():
    return cem.CEMAgent(
        keras.Sequential([keras.layers.Dense(3)]), ACTION, seed=0
    )


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (
            lambda: make_policy("agent"),
            TypeError,
            "`agent` must be a `keras_cem.CEMAgent`. Received: agent='agent'",
        ),
        (
            lambda: make_policy(blank_agent()),
            ValueError,
            "must have an observation space.*observation_space=None",
        ),
        (
            lambda: make_policy(make_agent(cem.spaces.Discrete(3))),
            ValueError,
            r"`action_spec` must match the agent's space, Discrete\(n=3, start="
            r"0, dtype='int64'\). Received: a spec of Discrete\(n=3, start=3",
        ),
        (
            lambda: CEMPolicy(
                make_agent(),
                ts.time_step_spec(array_spec.ArraySpec((3,), np.float32)),
                toys.ACTION,
            ),
            ValueError,
            r"`time_step_spec` must match the agent's space, Box.*shape=\[2\]"
            r".*Received: a spec of Box.*shape=\[3\]",
        ),
        (
            lambda: make_policy(make_agent(), epsilon=1.5),
            ValueError,
            r"`epsilon` must be in \[0, 1\]. Received: epsilon=1.5",
        ),
    ],
    ids=["agent", "blank", "action", "observation", "epsilon"],
)
def test_refuses(make, error, message):
    with pytest.raises(error, match=message):
        make()
