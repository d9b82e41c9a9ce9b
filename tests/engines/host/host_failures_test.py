"""What `fit` says of bad input, and what it leaves behind: the same agent."""

import functools
import re

import gymnasium
import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_cem as cem
from tests import processes, toy_envs

OBSERVATION_SPACE = toy_envs.Failing.observation_space
ACTION_SPACE = toy_envs.Failing.action_space


def make_agent(**kwargs):
    agent = cem.CEMAgent(
        keras.layers.Dense(2, kernel_initializer="ones", name="policy"),
        ACTION_SPACE,
        observation_space=OBSERVATION_SPACE,
        ties="inclusive",
        seed=0,
        **kwargs,
    )
    agent.compile(keras.optimizers.SGD(0.1))
    return agent


@pytest.fixture(scope="module")
def shared():
    return make_agent()


@pytest.fixture
def agent(shared):
    """An agent that must be as it was after the test, and as able."""
    before = state_of(shared)
    with processes.none_left():
        yield shared
    assert state_of(shared) == before
    sound = functools.partial(toy_envs.Failing, None, episode=-1)
    history = fit(shared, sound, epochs=2)
    assert history.epoch == [0, 1]
    assert int(shared.iteration) == before["iteration"] + 2
    assert np.isfinite(history.history["loss"]).all()


def state_of(agent):
    return {
        variable.path.split("/", 1)[-1]: np.array(variable).tolist()
        for variable in agent.variables
    }


def fit(agent, env, **kwargs):
    arguments = {
        "batch_size": 4,
        "max_episode_steps": 3,
        "max_env_restarts": 0,
        "verbose": 0,
    }
    return agent.fit(env, **{**arguments, **kwargs})


def failing(fault, call="step", **kwargs):
    return functools.partial(toy_envs.Failing, fault, call, **kwargs)


def nan():
    return float("nan")


def nan_observation():
    return np.array([0.0, np.nan], np.float32)


@pytest.mark.parametrize(
    ("fault", "call", "what", "where"),
    [
        (
            nan,
            "reward",
            "the reward is nan, not finite.",
            "trajectory 3, step 1.",
        ),
        (
            lambda: -np.inf,
            "reward",
            "the reward is -inf, not finite.",
            "trajectory 3, step 1.",
        ),
        (
            nan_observation,
            "reset",
            "the observation is not finite.",
            "trajectory 3, step 0.",
        ),
        (
            nan_observation,
            "step",
            "the observation is not finite.",
            "trajectory 3, step 2.",
        ),
        (
            lambda: np.zeros(3, np.float32),
            "step",
            "Received: shape=(3,), dtype=float32",
            "trajectory 3, step 1.",
        ),
        (
            lambda: np.zeros(2, complex),
            "reset",
            "Received: shape=(2,), dtype=complex128",
            "trajectory 3, step 0.",
        ),
        (
            lambda: {"position": 0.0},
            "step",
            "Received: shape=(), dtype=object",
            "trajectory 3, step 1.",
        ),
    ],
)
def test_bad_value_from_the_environment(agent, fault, call, what, where):
    env = toy_envs.Failing(fault, call, episode=3)
    with pytest.raises(RuntimeError, match=re.escape(what)) as error:
        fit(agent, env)
    assert str(error.value).count("Failing object") == 1
    assert f"sub-environment 0, {where}" in str(error.value)


@pytest.mark.parametrize("call", ["reset", "step"])
@pytest.mark.parametrize(
    "arguments",
    [{}, {"num_envs": 1}, {"num_envs": 1, "vectorization_mode": "async"}],
    ids=["sync", "one", "async"],
)
@pytest.mark.filterwarnings(
    r"ignore:.*(from Worker-\d|Traceback|back to the main process)"
)
def test_environment_that_raises(agent, arguments, call):
    with pytest.raises(
        RuntimeError,
        match=f"`{call}` of the environment raised MotorError: the motor is",
    ) as error:
        fit(agent, failing(toy_envs.raise_fault, call), **arguments)
    assert type(error.value.__cause__) is toy_envs.MotorError


def test_process_that_dies(agent):
    with pytest.raises(RuntimeError, match=r"its process ended, exit code 3\."):
        fit(
            agent,
            failing(toy_envs.end_process),
            num_envs=2,
            vectorization_mode="async",
        )


@pytest.mark.parametrize("when", ["made", "reset"])
@pytest.mark.filterwarnings(
    r"ignore:.*(from Worker-\d|Traceback|back to the main process)"
)
def test_environment_with_processes_of_its_own_is_refused_at_once(agent, when):
    with pytest.raises(
        RuntimeError,
        match=r"must not start processes of its own in a worker process\. "
        r"Received: .*not allowed to have children.*"
        r"vectorization_mode='sync'",
    ) as error:
        fit(
            agent,
            functools.partial(toy_envs.Parent, when),
            num_envs=2,
            vectorization_mode="async",
            max_env_restarts=3,
        )
    # After a restart, the message would give their number.
    assert "Restarts so far" not in str(error.value)


def test_float64_observations_for_a_float32_space_are_accepted(agent):
    env = failing(lambda: np.full(2, 1 / 3), "step")
    played = agent.collect(env, 2, max_episode_steps=3)
    assert played.observations.dtype == np.float32


@pytest.mark.slow
def test_failure_after_some_iterations_keeps_those_done():
    agent = make_agent()
    # Four trajectories an iteration, one after the other: the tenth is of the
    # third iteration.
    env = toy_envs.Failing(nan, "reward", episode=9)
    with pytest.raises(RuntimeError, match="trajectory 1, step 1"):
        fit(agent, env, epochs=5)
    other = make_agent()
    fit(other, failing(None, episode=-1), epochs=2, num_envs=1)
    assert state_of(agent) == state_of(other)
    assert int(agent.iteration) == 2


@pytest.mark.slow
def test_failure_in_validation():
    agent = make_agent()
    with pytest.raises(RuntimeError, match="the reward is nan"):
        fit(
            agent,
            failing(None, episode=-1),
            validation_data=failing(nan, "reward"),
        )
    assert agent.run is None
    history = fit(agent, failing(None, episode=-1))
    assert "val_episode_return" not in history.history
    assert agent.metrics_names == ["loss"]


def test_failure_in_evaluate(agent):
    with pytest.raises(RuntimeError, match="the motor is off"):
        agent.evaluate(
            failing(toy_envs.raise_fault),
            max_episode_steps=3,
            max_env_restarts=0,
            verbose=0,
        )


def test_failure_in_the_second_batch_of_evaluate_has_its_number(agent):
    env = toy_envs.Failing(nan, "reward", episode=6)
    with pytest.raises(RuntimeError, match="trajectory 6, step 1"):
        agent.evaluate(
            env, batch_size=4, steps=2, max_episode_steps=3, verbose=0
        )


class Inverse(keras.layers.Layer):
    """Outputs what is infinite for the observation of `Failing`."""

    def build(self, input_shape):
        self.scale = self.add_weight(shape=(2,), initializer="ones")

    def call(self, inputs):
        return self.scale / inputs


def test_policy_outputs_that_are_not_finite():
    agent = cem.CEMAgent(
        Inverse(), ACTION_SPACE, observation_space=OBSERVATION_SPACE, seed=0
    )
    agent.compile(keras.optimizers.SGD(0.1))
    before = state_of(agent)
    with pytest.raises(
        RuntimeError,
        match=r"the policy's output is not finite\. Environment .*Failing.*"
        r"sub-environment 0, trajectory 0, step 0\. The weights are",
    ):
        fit(agent, failing(None, episode=-1))
    assert state_of(agent) == before


@pytest.mark.slow
def test_loss_that_is_not_finite():
    def infinite(actions, outputs):
        return tf.reduce_mean(outputs, axis=-1) * np.inf

    agent = cem.CEMAgent(
        keras.layers.Dense(1, bias_initializer="ones"),
        toy_envs.Echo.action_space,
        observation_space=toy_envs.Echo.observation_space,
        ties="inclusive",
        seed=0,
    )
    agent.compile(keras.optimizers.SGD(1.0), loss=infinite)
    before = state_of(agent)
    with pytest.raises(
        RuntimeError,
        match=r"The loss of iteration 1 would not be finite\. The weights are "
        "unchanged",
    ):
        fit(agent, "ToyEcho-v0", epochs=3)
    after = state_of(agent)
    changed = {key for key in before if before[key] != after[key]}
    assert changed == {"iteration", "env_steps"}


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (
            {"batch_size": 1},
            "`batch_size` must be an integer of at least 2. Received: "
            "batch_size=1. A single trajectory cannot exceed its own quantile.",
        ),
        ({"batch_size": 0}, "Received: batch_size=0."),
        ({"batch_size": 2.5}, "Received: batch_size=2.5."),
        ({"epochs": 0}, "at least 1. Received: epochs=0."),
        ({"epochs": -3}, "Received: epochs=-3."),
        ({"epochs": 1.5}, "Received: epochs=1.5."),
        ({"steps_per_epoch": 0}, "Received: steps_per_epoch=0."),
        ({"validation_steps": 0}, "Received: validation_steps=0."),
        ({"validation_batch_size": 0}, "Received: validation_batch_size=0."),
        ({"max_episode_steps": 0}, "Received: max_episode_steps=0."),
        ({"max_episode_steps": -1}, "Received: max_episode_steps=-1."),
        ({"num_envs": 0}, "Received: num_envs=0."),
        (
            {"vectorization_mode": "gpu"},
            "`vectorization_mode` must be one of ('sync', 'async', "
            "'vector_entry_point'). Received: vectorization_mode='gpu'",
        ),
        ({"y": np.zeros(2)}, "`y` is for arrays only. Received: y=array"),
        ({"shuffle": False}, "for arrays only. Received: shuffle=False"),
        ({"validation_split": 0.2}, "Received: validation_split=0.2"),
        ({"class_weight": {0: 1.0}}, "Received: class_weight={0: 1.0}"),
        ({"sample_weight": np.ones(2)}, "Received: sample_weight=array"),
    ],
)
def test_arguments_out_of_range(agent, arguments, expected):
    with pytest.raises(ValueError, match=re.escape(expected)):
        fit(agent, failing(None, episode=-1), **arguments)


@pytest.mark.parametrize(
    ("option", "value"),
    [("num_envs", 2), ("vectorization_mode", "sync"), ("max_episode_steps", 5)],
)
def test_arguments_of_environments_with_arrays(agent, option, value):
    arrays = np.zeros((4, 2), np.float32), np.zeros(4, np.int64)
    expected = (
        f"`{option}` is for an environment only. Received: {option}={value!r}"
    )
    with pytest.raises(ValueError, match=re.escape(expected)):
        agent.fit(*arrays, verbose=0, **{option: value})


def test_unknown_id(agent):
    with pytest.raises(ValueError, match="Received: env='NoSuchEnv-v0'"):
        fit(agent, "NoSuchEnv-v0")


@pytest.mark.parametrize("x", [7, object()], ids=["number", "object"])
def test_what_is_no_environment(agent, x):
    with pytest.raises(
        TypeError, match=re.escape(f"Received: x={x!r} of type")
    ):
        fit(agent, x, max_episode_steps=None)


def test_callable_that_makes_no_environment(agent):
    with pytest.raises(TypeError, match="which returned 7 of type int"):
        fit(agent, lambda: 7)


def test_environment_made_already(agent):
    with pytest.raises(
        ValueError, match=r"already exists\. Received: num_envs=3"
    ):
        fit(agent, toy_envs.Failing(None, episode=-1), num_envs=3)


def test_environment_without_a_limit(agent):
    with pytest.raises(ValueError, match="Received: max_episode_steps=None"):
        fit(agent, failing(None, episode=-1), max_episode_steps=None)


def test_other_action_space(agent):
    with pytest.raises(
        ValueError,
        match=r"with the agent's action space, Discrete\(n=2.*"
        r"Received: action_space=Discrete\(n=3",
    ):
        fit(agent, toy_envs.Seeded)


class Wider(toy_envs.Failing):
    observation_space = gymnasium.spaces.Box(-1.0, 1.0, (3,), np.float32)


def test_other_observation_space(agent):
    with pytest.raises(
        ValueError,
        match=r"the agent was built for, Box\(.*shape=\[2\].*"
        r"Received: observation_space=Box\(.*shape=\[3\]",
    ):
        fit(agent, functools.partial(Wider, None))


def test_arrays_to_validate_an_environment(agent):
    arrays = np.zeros((4, 2), np.float32), np.zeros(4, np.int64)
    with pytest.raises(
        TypeError,
        match=r"`validation_data` must be an environment .*of type tuple",
    ):
        fit(agent, failing(None, episode=-1), validation_data=arrays)


def test_environment_to_validate_arrays(agent):
    arrays = np.zeros((4, 2), np.float32), np.zeros(4, np.int64)
    with pytest.raises(
        TypeError,
        match=r"`validation_data` must be data .*"
        r"Received: validation_data='CartPole-v1', x of type ndarray",
    ):
        agent.fit(*arrays, validation_data="CartPole-v1", verbose=0)


def test_validation_data_that_is_neither(agent):
    with pytest.raises(
        TypeError, match="Received: validation_data=7 of type int"
    ):
        fit(agent, failing(None, episode=-1), validation_data=7)


def test_fit_before_compile():
    agent = cem.CEMAgent(keras.layers.Dense(2), ACTION_SPACE, seed=0)
    with pytest.raises(
        ValueError,
        match=r"`fit` needs `compile` first\. Received: an agent that is not "
        r"compiled\. Call `agent\.compile\(optimizer=\.\.\.\)`",
    ):
        fit(agent, failing(None, episode=-1))


def test_loss_with_discrete_actions():
    agent = cem.CEMAgent(keras.layers.Dense(2), ACTION_SPACE, seed=0)
    agent.compile(keras.optimizers.SGD(0.1), loss="mse")
    with pytest.raises(
        ValueError,
        match=r"`loss` of `compile` must be None for discrete actions.*"
        "Received: loss='mse'",
    ):
        fit(agent, failing(None, episode=-1))


def test_outputs_that_do_not_fit_the_action_space():
    agent = cem.CEMAgent(
        keras.layers.Dense(5, name="wide"), ACTION_SPACE, seed=0
    )
    agent.compile(keras.optimizers.SGD(0.1))
    with pytest.raises(
        ValueError,
        match=r"of shape \(batch, 2\).*Received: policy='wide', which returned "
        r"shape \(batch, 5\)",
    ):
        fit(agent, failing(None, episode=-1))
