"""`fit` with elite steps: both engines, saving, resuming, bad input."""

import functools
import pathlib
import re
import shutil
import warnings
from typing import NamedTuple

import gymnasium
import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_cem as cem
from keras_cem.agent import critics
from tests.helpers import (
    DISCRETE,
    assert_equal,
    improve,
    make_agent,
    make_trajectories,
)

pytestmark = pytest.mark.slow

ENV = "CartPole-v1"
METRICS = {"critic_loss", "explained_variance"}


# How Keras runs a step.
EAGER = {"run_eagerly": True}
TRACED = {"jit_compile": False}


def make(env=ENV, *, steps_per_execution=1, mode=TRACED, **kwargs):
    agent = cem.CEMAgent.from_env(
        env,
        hidden_units=(8,),
        **{
            "elite_unit": "step",
            "normalize_observations": True,
            "seed": 0,
            **kwargs,
        },
    )
    agent.compile(
        keras.optimizers.Adam(1e-2),
        steps_per_execution=steps_per_execution,
        **mode,
    )
    return agent


def fit(agent, env=ENV, epochs=2, **kwargs):
    return agent.fit(
        env,
        epochs=epochs,
        **{
            "batch_size": 6,
            "steps_per_epoch": 2,
            "max_episode_steps": 30,
            "verbose": 0,
            **kwargs,
        },
    ).history


def state(agent):
    variables = [*agent.variables, *critics.optimizer_variables(agent)]
    return [np.copy(variable.numpy()) for variable in variables]


class Whole(NamedTuple):
    """A training of four epochs.

    Attributes:
        agent: The agent, as it is now.
        before: Values of its networks before the training.
        states: All that it had learned after each epoch.
        history: As of `fit`.
        killed: The checkpoints that a kill in the second epoch leaves.
    """

    agent: cem.CEMAgent
    before: list
    states: list
    history: dict
    killed: pathlib.Path


def networks(agent):
    return [
        *agent.policy.trainable_variables,
        *agent.critic.trainable_variables,
    ]


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """By engine."""

    @functools.cache
    def train(engine):
        folder, states = tmp_path_factory.mktemp(engine), []
        saved, killed = folder / "saved", folder / "killed"
        agent = make(critic_epochs=40)
        before = [variable.numpy() for variable in networks(agent)]

        def keep(epoch, logs):
            states.append(state(agent))
            if epoch == 1:
                shutil.copytree(saved, killed)

        callbacks = [
            cem.callbacks.Checkpoint(saved),
            keras.callbacks.LambdaCallback(on_epoch_end=keep),
        ]
        history = fit(agent, engine=engine, epochs=4, callbacks=callbacks)
        return Whole(agent, before, states, history, killed)

    return train


@pytest.mark.parametrize("engine", ["host", "graph"])
def test_critic_and_policy_learn_on_both_engines(engine, whole):
    agent, before, _, history, _ = whole(engine)
    assert set(history) >= METRICS
    assert history["critic_loss"][-1] < 0.5 * history["critic_loss"][0]
    assert max(history["explained_variance"]) <= 1.0
    for variable, value in zip(networks(agent), before, strict=True):
        assert np.any(variable.numpy() != value), variable.path
    # A share 1 - q of all steps is elite.
    steps = np.diff([0, *history["env_steps"]]) / 2
    np.testing.assert_allclose(history["num_elites"], 0.2 * steps, rtol=0.1)


def test_whole_episodes_report_no_critic():
    agent = cem.CEMAgent.from_env(ENV, hidden_units=(), seed=0)
    agent.compile("sgd", run_eagerly=True)
    history = fit(agent, engine="host", epochs=1)
    assert not METRICS.intersection(history)


def test_executions_of_several_iterations_take_the_same_steps():
    agents = [
        make(steps_per_execution=n, normalize_observations=False)
        for n in (1, 2)
    ]
    for agent in agents:
        fit(agent, engine="graph")
    assert_equal(*map(state, agents))


def test_number_of_slots_changes_no_training(whole):
    agent = make(critic_epochs=40)
    fit(agent, engine="graph", num_envs=2, epochs=1)
    # Which has six slots, one an episode.
    expected = whole("graph").states[0]
    for one, other in zip(state(agent), expected, strict=True):
        # Products of few rows may round otherwise.
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-4)


def test_saved_agent_goes_on_like_the_original(tmp_path):
    """And is exported without its critic."""
    agent = make()
    fit(agent, engine="host", epochs=1)
    agent.save(tmp_path / "agent.keras")
    loaded = keras.saving.load_model(tmp_path / "agent.keras")
    assert_equal(state(agent), state(loaded))
    config = loaded.get_config()
    assert config["elite_unit"] == "step"
    assert (loaded.gradient_epochs, loaded.minibatch_size) == (8, 256)
    assert (loaded.discount, loaded.gradient_steps) == (0.99, None)
    for one in (agent, loaded):
        fit(one, engine="host", epochs=1)
    assert_equal(state(agent), state(loaded))
    agent.export(tmp_path / "policy")
    exported = tf.saved_model.load(str(tmp_path / "policy"))
    size = sum(int(tf.size(each)) for each in exported.variables)
    policy = sum(int(tf.size(each.value)) for each in agent.policy.variables)
    assert size <= policy


@pytest.mark.parametrize("engine", ["host", "graph"])
def test_resumed_equals_uninterrupted_to_the_last_bit(engine, whole):
    _, _, states, expected, killed = whole(engine)
    resumed = make(critic_epochs=40)
    history = fit(
        resumed,
        engine=engine,
        epochs=3,
        resume_from=killed,
        callbacks=[cem.callbacks.Checkpoint(killed)],
    )
    assert_equal(states[2], state(resumed))
    for name in ("critic_loss", "elite_threshold", "loss"):
        assert history[name] == expected[name][:3], name


def test_arrays_train_the_policy_alone():
    agent = make()
    critic = [w.numpy() for w in critics.variables(agent)]
    observations = np.zeros((8, 4), np.float32)
    agent.fit(observations, np.ones(8, np.int64), epochs=1, verbose=0)
    assert_equal(critic, [w.numpy() for w in critics.variables(agent)])


def test_epochs_of_whole_episodes_pass_over_all_pairs():
    batch = make_trajectories(DISCRETE, np.arange(20.0), steps=9)
    agent = make_agent(
        DISCRETE, gradient_epochs=3, minibatch_size=16, elite_quantile=0.5
    )
    improve(agent, batch)
    elite = batch.returns > np.quantile(batch.returns, 0.5)
    pairs = int(batch.lengths[elite].sum())
    assert pairs % 16
    assert int(agent.optimizer.iterations) == 3 * -(-pairs // 16)


class NaNCritic(keras.layers.Layer):
    """0 in its first iteration, then NaN."""

    def build(self, shape):
        self.weight = self.add_weight(shape=(), initializer="zeros")

    def call(self, inputs):
        value = self.weight * inputs[..., :1]
        return value / tf.where(self.weight > -1.0, 0.0, 1.0)


@pytest.mark.parametrize(
    ("engine", "mode"),
    [("host", EAGER), ("graph", TRACED)],
    ids=["host-eager", "graph-traced"],
)
@pytest.mark.parametrize("on_nonfinite", ["raise", "skip"])
def test_critic_that_is_not_finite_changes_nothing(engine, mode, on_nonfinite):
    agent = make(critic=NaNCritic(), on_nonfinite=on_nonfinite, mode=mode)
    critics.build_optimizers(agent)
    learned = [
        *agent.network_variables(),
        *critics.variables(agent),
        *agent.optimizer.variables,
    ]
    before = [np.copy(each.numpy()) for each in learned]
    if on_nonfinite == "raise":
        with pytest.raises(RuntimeError, match="critic's value"):
            fit(agent, engine=engine, epochs=1)
    else:
        history = fit(agent, engine=engine, epochs=1)
        assert history["num_nonfinite"] == [2]
    assert_equal(before, [each.numpy() for each in learned])


BAD = {
    "gae_lambda": ({"gae_lambda": 1.5}, ValueError, "gae_lambda=1.5"),
    "memory": ({"elite_memory": 5}, ValueError, "`elite_memory`.*episodes"),
    "starts": (
        {"episodes_per_start": 2},
        ValueError,
        "`episodes_per_start`.*episodes",
    ),
    "policies": (
        {"episodes_per_policy": 2},
        ValueError,
        "`episodes_per_policy`.*episodes",
    ),
    "normalization": (
        {"loss_normalization": "length"},
        ValueError,
        "loss_normalization='length'",
    ),
    "both": (
        {"gradient_steps": 2, "gradient_epochs": 2},
        ValueError,
        "`gradient_epochs` must be None",
    ),
    "unit": ({"elite_unit": "episode"}, ValueError, "elite_unit='episode'"),
    "no layer": ({"critic": "mlp"}, TypeError, "critic='mlp'"),
    "two numbers": (
        {"critic": keras.layers.Dense(2)},
        ValueError,
        r"one number per observation.*\(2, 2\)",
    ),
    "alone": (
        {"elite_unit": "trajectory", "critic": keras.layers.Dense(1)},
        ValueError,
        "`critic` is for elite_unit='step' only",
    ),
    "lambda alone": (
        {"elite_unit": "trajectory", "gae_lambda": 0.5},
        ValueError,
        "`gae_lambda` is for elite_unit='step' only",
    ),
    "epochs alone": (
        {"elite_unit": "trajectory", "critic_epochs": 3},
        ValueError,
        "`critic_epochs` is for elite_unit='step' only",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_refused(case):
    kwargs, error, message = BAD[case]
    with pytest.raises(error, match=f"(?s){message}"):
        make(**kwargs)


def test_step_without_a_critic_names_who_makes_one():
    with pytest.raises(ValueError, match=r"critic=None.*default_critic"):
        cem.CEMAgent(
            keras.layers.Dense(2),
            gymnasium.spaces.Discrete(2),
            elite_unit="step",
        )


def test_layers_that_policy_and_critic_share_are_refused():
    hidden = keras.layers.Dense(4, name="trunk")
    space = gymnasium.spaces.Box(-1, 1, (3,))
    with pytest.raises(ValueError, match=r"share layers.*trunk/kernel"):
        cem.CEMAgent(
            keras.Sequential([hidden, keras.layers.Dense(2)]),
            gymnasium.spaces.Discrete(2),
            observation_space=space,
            elite_unit="step",
            critic=keras.Sequential([hidden, keras.layers.Dense(1)]),
        )


def test_optimizer_of_a_critic_needs_a_critic():
    agent = cem.CEMAgent.from_env(ENV, seed=0)
    with pytest.raises(ValueError, match="`critic_optimizer` is for"):
        agent.compile("adam", critic_optimizer="sgd")


def test_optimizer_of_the_critic_is_a_copy_unless_given():
    agent = make()
    agent.compile(keras.optimizers.Adam(0.03, use_ema=True))
    assert isinstance(agent.critic_optimizer, keras.optimizers.Adam)
    assert agent.critic_optimizer is not agent.optimizer
    assert float(agent.critic_optimizer.learning_rate) == np.float32(0.03)
    assert not agent.critic_optimizer.use_ema
    agent.compile("adam", critic_optimizer=keras.optimizers.SGD(0.5))
    assert isinstance(agent.critic_optimizer, keras.optimizers.SGD)
    config = agent.get_compile_config()
    assert config["critic_optimizer"]["class_name"] == "SGD"


def test_no_discount_where_nothing_terminates_is_warned_of():
    made = {"discount": 1.0, "critic_epochs": 1, "gradient_epochs": 1}
    agent = make("Pendulum-v1", mode=EAGER, **made)
    with pytest.warns(UserWarning, match=r"discount=1.0.*of 30 steps"):
        fit(agent, "Pendulum-v1", epochs=1, engine="host")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        # Poles fall before 400 steps.
        fit(
            make(mode=EAGER, **made),
            epochs=1,
            max_episode_steps=400,
            engine="host",
        )


def test_recorded_episodes_are_learned_from_step_by_step():
    generator = np.random.default_rng(0)
    episodes = [
        {
            "observations": generator.normal(size=(6, 3)).astype(np.float32),
            "actions": generator.integers(2, size=5),
            "rewards": generator.normal(size=5),
            "terminated": number % 2 == 0,
        }
        for number in range(8)
    ]
    space = gymnasium.spaces.Box(-9, 9, (3,))
    agent = cem.CEMAgent(
        cem.networks.default_policy(space, gymnasium.spaces.Discrete(2)),
        gymnasium.spaces.Discrete(2),
        observation_space=space,
        elite_unit="step",
        critic=cem.networks.default_critic(space),
    )
    agent.compile("adam", jit_compile=False)
    history = agent.fit(episodes, epochs=2, verbose=0).history
    assert history["num_elites"] == [8, 8]
    episodes[1]["observations"] = episodes[1]["observations"][:5]
    message = re.escape("episode 1 with 5 observations")
    with pytest.raises(ValueError, match=message):
        agent.fit(episodes, verbose=0)
