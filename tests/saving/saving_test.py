import errno
import json
import os

import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_cem as cem
from keras_cem import spaces
from keras_cem.saving import config_versions
from tests import processes, toy_envs
from tests.helpers import (
    BOX,
    DISCRETE,
    OBSERVATION,
    assert_equal,
    differ,
    improve,
    learned_state,
    make_agent,
    make_policy,
    make_trajectories,
    policy_weights,
)

pytestmark = pytest.mark.slow

ENV = "ToySeeded-v0"


def _reloaded(agent, folder):
    path = folder / "agent.keras"
    agent.save(path)
    return keras.saving.load_model(path)


def _as_json(config):
    # Keras makes tuples of some lists in it, or the other way round.
    return json.loads(json.dumps(config))


def _whole_state(agent):
    return [
        *learned_state(agent),
        *(
            np.copy(variable.numpy())
            for variable in (agent.epsilon, agent.iteration, agent.env_steps)
        ),
    ]


def _new_agent():
    agent = cem.CEMAgent.from_env(
        ENV,
        hidden_units=(8,),
        network={"dropout": 0.3, "batch_normalization": True},
        elite_quantile=0.5,
        gradient_steps=2,
        minibatch_size=7,
        seed=3,
    )
    agent.compile(keras.optimizers.Adam(0.01), run_eagerly=True)
    return agent


def _fit(agent, epochs, initial_epoch=0):
    return agent.fit(
        ENV,
        batch_size=6,
        epochs=epochs,
        initial_epoch=initial_epoch,
        callbacks=[cem.callbacks.EpsilonDecay()],
        validation_data=ENV,
        validation_batch_size=2,
        verbose=0,
    ).history


# Round trip


@pytest.mark.parametrize("action_space", [DISCRETE, BOX], ids=repr)
def test_reloaded_agent_is_the_agent_that_was_saved(action_space, tmp_path):
    agent = make_agent(
        action_space, optimizer=keras.optimizers.Adam(0.01), elite_quantile=0.5
    )
    improve(agent, make_trajectories(action_space, np.arange(8.0)))
    agent.epsilon.assign(0.375)
    again = _reloaded(agent, tmp_path)
    assert type(again) is cem.CEMAgent
    assert _as_json(again.get_config()) == _as_json(agent.get_config())
    assert again.observation_space == OBSERVATION
    assert again.action_space == action_space
    assert_equal(_whole_state(again), _whole_state(agent))
    assert int(again.iteration) == 1
    assert float(again.epsilon) == 0.375
    x = np.random.default_rng(0).normal(size=(9, 3)).astype(np.float32)
    np.testing.assert_array_equal(
        again.predict(x, verbose=0), agent.predict(x, verbose=0)
    )
    for observation in x:
        np.testing.assert_array_equal(
            again.act(observation), agent.act(observation)
        )


def test_going_on_after_a_reload_equals_going_on(tmp_path):
    """To the last bit: weights, optimizer, epsilon and what `fit` reports."""
    whole = _new_agent()
    expected = _fit(whole, epochs=4)

    halves = _new_agent()
    first = _fit(halves, epochs=2)
    again = _reloaded(halves, tmp_path)
    second = _fit(again, epochs=4, initial_epoch=2)

    assert {key: first[key] + second[key] for key in first} == expected
    assert expected["epsilon"] == pytest.approx([1, 1 / 2, 1 / 3, 1 / 4])
    assert_equal(_whole_state(again), _whole_state(whole))


def test_checkpoint_written_during_fit_can_be_loaded(tmp_path):
    agent = _new_agent()
    path = tmp_path / "best.keras"
    agent.fit(
        ENV,
        batch_size=4,
        validation_data=ENV,
        callbacks=[
            keras.callbacks.ModelCheckpoint(
                path,
                monitor="val_episode_return",
                mode="max",
                save_best_only=True,
            )
        ],
        verbose=0,
    )
    again = keras.saving.load_model(path)
    assert_equal(_whole_state(again), _whole_state(agent))


def test_weights_alone_carry_the_whole_state(tmp_path):
    agent = _new_agent()
    _fit(agent, epochs=1)
    agent.save_weights(tmp_path / "agent.weights.h5")
    other = _new_agent()
    other.optimizer.build(other.trainable_variables)
    assert differ(_whole_state(other), _whole_state(agent))
    other.load_weights(tmp_path / "agent.weights.h5")
    assert_equal(_whole_state(other), _whole_state(agent))


def test_loss_of_compile_is_saved(tmp_path):
    agent = make_agent(BOX)
    agent.compile("sgd", loss="mae", run_eagerly=True)
    data = make_trajectories(BOX, np.arange(8.0))
    again = _reloaded(agent, tmp_path)
    again.optimizer.build(again.trainable_variables)
    assert improve(again, data) == improve(agent, data)


def test_agent_without_an_observation_space_can_be_saved(tmp_path):
    agent = cem.CEMAgent(
        make_policy(spaces.Discrete(3)), spaces.Discrete(3), seed=1
    )
    with pytest.warns(UserWarning, match="not yet been built"):
        again = _reloaded(agent, tmp_path)
    assert again.observation_space is None
    assert_equal(policy_weights(again), policy_weights(agent))


def test_agent_trained_on_arrays_can_be_saved(tmp_path):
    """It knows no observation space; the policy was made by the first call."""
    policy = keras.Sequential([keras.layers.Dense(3)])
    agent = cem.CEMAgent(policy, spaces.Discrete(3), seed=1)
    agent.compile("adam", run_eagerly=True)
    x = np.ones((4, 2), np.float32)
    agent.fit(x, np.zeros(4, int), verbose=0)
    again = _reloaded(agent, tmp_path)
    np.testing.assert_array_equal(
        again.predict(x, verbose=0), agent.predict(x, verbose=0)
    )


# Policies


@keras.saving.register_keras_serializable("saving_test")
class Residual(keras.Model):
    """A user's policy, which makes its weights in the first call."""

    def __init__(self, units, size, **kwargs):
        super().__init__(**kwargs)
        self.units, self.size = units, size
        self.hidden = keras.layers.Dense(units, activation="tanh")
        self.head = keras.layers.Dense(size)

    def call(self, inputs):
        return self.head(tf.concat([inputs, self.hidden(inputs)], axis=-1))

    def get_config(self):
        config = super().get_config()
        return {**config, "units": self.units, "size": self.size}


@keras.saving.register_keras_serializable("saving_test")
class Shift(keras.layers.Layer):
    """A layer that is a whole policy."""

    def build(self, input_shape):
        self.shift = self.add_weight(shape=(input_shape[-1],), name="shift")

    def call(self, inputs):
        return inputs + self.shift


@pytest.mark.parametrize("make", [lambda: Residual(5, 3), Shift])
def test_policy_of_a_registered_class_is_restored(make, tmp_path):
    agent = make_agent(spaces.Discrete(3), make(), optimizer="adam")
    improve(agent, make_trajectories(spaces.Discrete(3), np.arange(8.0)))
    again = _reloaded(agent, tmp_path)
    assert type(again.policy) is type(agent.policy)
    assert_equal(_whole_state(again), _whole_state(agent))


def test_policy_of_an_unknown_class_is_an_error_that_names_it(tmp_path):
    class Unregistered(Residual):
        pass

    agent = make_agent(spaces.Discrete(3), Unregistered(5, 3))
    agent.save(tmp_path / "agent.keras")
    with pytest.raises(TypeError, match="Unregistered"):
        keras.saving.load_model(tmp_path / "agent.keras")
    again = keras.saving.load_model(
        tmp_path / "agent.keras", custom_objects={"Unregistered": Unregistered}
    )
    assert_equal(policy_weights(again), policy_weights(agent))


def test_precision_of_the_agent_is_saved(tmp_path):
    agent = make_agent(
        DISCRETE,
        make_policy(DISCRETE, dtype="mixed_bfloat16"),
        dtype="bfloat16",
    )
    again = _reloaded(agent, tmp_path)
    assert again.dtype_policy.name == "bfloat16"
    assert again.policy.layers[0].dtype_policy.name == "mixed_bfloat16"


# Config


def test_config_is_what_the_constructor_takes():
    policy = make_policy(BOX)
    agent = cem.CEMAgent(
        policy,
        BOX,
        observation_space=OBSERVATION,
        elite_quantile=0.75,
        ties="strict",
        loss_normalization="pair",
        gradient_steps=3,
        minibatch_size=32,
        discount=0.75,
        elite_memory=9,
        elite_memory_age=4,
        normalize_observations=True,
        epsilon=0.5,
        noise="correlated",
        correlation=0.5,
        imitate="drawn",
        action_scale=[0.5, 2.0],
        seed=7,
        name="pilot",
    )
    config = config_versions.migrate(_as_json(agent.get_config()))
    policy_config = keras.saving.serialize_keras_object(policy)
    assert config.pop("policy") == _as_json(policy_config)
    assert config.pop("dtype")["config"] == {"name": "float32"}
    assert config == {
        "name": "pilot",
        "trainable": True,
        "action_space": {
            "kind": "Box",
            "low": [-1.0, 0.0],
            "high": [1.0, 6.0],
            "shape": [2],
            "dtype": "float32",
        },
        "observation_space": {
            "kind": "Box",
            "low": "-inf",
            "high": "inf",
            "shape": [3],
            "dtype": "float32",
        },
        "elite_unit": "trajectory",
        "critic": None,
        "critic_epochs": None,
        "gae_lambda": 0.95,
        "gradient_epochs": None,
        "elite_quantile": 0.75,
        "ties": "strict",
        "loss_normalization": "pair",
        "gradient_steps": 3,
        "minibatch_size": 32,
        "discount": 0.75,
        "elite_memory": 9,
        "elite_memory_age": 4,
        "episodes_per_start": None,
        "episodes_per_policy": None,
        "normalize_observations": True,
        "epsilon": 0.5,
        "noise": "correlated",
        "correlation": 0.5,
        "imitate": "drawn",
        "persistence": 1,
        "entropy_coefficient": 0.0,
        "action_scale": [0.5, 2.0],
        "on_nonfinite": "raise",
        "seed": 7,
    }


def test_options_of_exploration_survive_the_config():
    agent = make_agent(DISCRETE, persistence=9, entropy_coefficient=0.25)
    again = cem.CEMAgent.from_config(_as_json(agent.get_config()))
    assert again.head.holding.longest == 9
    assert again.head.entropy_coefficient == 0.25
    box = make_agent(BOX, noise="correlated")
    again = cem.CEMAgent.from_config(_as_json(box.get_config()))
    assert (again.head.noise, again.head.correlation) == ("correlated", 0.9)


def test_config_makes_the_same_agent():
    agent = make_agent(BOX, action_scale=[0.5, 2.0], epsilon=0.25)
    again = cem.CEMAgent.from_config(agent.get_config())
    assert again.get_config() == agent.get_config()
    assert float(again.epsilon) == 0.25
    np.testing.assert_array_equal(again.head.scale, [0.5, 2.0])
    # The config was not used up.
    assert cem.CEMAgent.from_config(agent.get_config()).seed == agent.seed


def test_numbers_of_numpy_become_plain_in_the_config():
    agent = cem.CEMAgent(
        make_policy(BOX),
        BOX,
        elite_quantile=np.float64(0.5),
        gradient_steps=np.int64(2),
        minibatch_size=np.int32(8),
        epsilon=np.float64(0.5),
        action_scale=np.array([1.0, 2.0]),
        seed=np.int64(3),
    )
    config = _as_json(agent.get_config())
    assert (config["gradient_steps"], config["minibatch_size"]) == (2, 8)


def test_a_clone_starts_over():
    agent = make_agent(DISCRETE, optimizer="adam")
    improve(agent, make_trajectories(DISCRETE, np.arange(8.0)))
    clone = keras.models.clone_model(agent)
    assert clone.get_config() == agent.get_config()
    assert int(clone.iteration) == int(clone.env_steps) == 0
    # Seeded initializers make the first weights anew.
    assert_equal(policy_weights(clone), policy_weights(make_agent(DISCRETE)))
    before = policy_weights(agent)
    clone.policy.layers[0].kernel.assign_add(tf.ones((3, 5)))
    assert_equal(policy_weights(agent), before)


# Errors


def test_loading_before_importing_keras_cem_is_an_error(tmp_path):
    make_agent(DISCRETE).save(tmp_path / "agent.keras")
    program = """
import sys, keras
try:
    keras.saving.load_model(sys.argv[1])
except TypeError as error:
    print(str(error)[:500].replace("\\n", " "))
import keras_cem
print(type(keras.saving.load_model(sys.argv[1])).__name__)
"""
    done = processes.run("-c", program, tmp_path / "agent.keras")
    refused, loaded = done.stdout.splitlines()
    assert "Could not locate class 'CEMAgent'" in refused
    assert "import keras_cem, then keras.saving.load_model" in refused
    assert loaded == "CEMAgent"


def test_weights_of_another_model_are_refused(tmp_path):
    other = keras.Sequential([keras.Input((3,)), keras.layers.Dense(7)])
    other.save_weights(tmp_path / "other.weights.h5")
    agent = make_agent(DISCRETE)
    before = policy_weights(agent)
    with pytest.raises(ValueError, match="Layer"):
        agent.load_weights(tmp_path / "other.weights.h5")
    assert_equal(policy_weights(agent), before)


def test_environments_are_not_saved(tmp_path):
    """`save` walks through all that a model holds."""
    agent = cem.CEMAgent.from_env(ENV, seed=0)
    agent.compile("sgd")
    env = toy_envs.Seeded()

    class Save(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            self.model.save(tmp_path / "agent.keras")

    agent.fit(
        env, max_episode_steps=10, batch_size=4, callbacks=[Save()], verbose=0
    )
    again = keras.saving.load_model(tmp_path / "agent.keras")
    assert_equal(policy_weights(again), policy_weights(agent))


def test_failed_save_leaves_the_last_good_file(tmp_path, monkeypatch):
    agent = make_agent(DISCRETE)
    path = tmp_path / "agent.keras"
    agent.save(path)
    good = path.read_bytes()

    def full(*args, **kwargs):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        agent.save(path)
    assert path.read_bytes() == good
    assert os.listdir(tmp_path) == ["agent.keras"]


def test_agent_that_was_compiled_and_never_fitted_is_loaded(tmp_path):
    agent = make_agent(DISCRETE)
    agent.compile(keras.optimizers.Adam(1e-2))
    # Keras only warns, and leaves the optimizer without what was saved.
    loaded = _reloaded(agent, tmp_path)
    assert_equal(learned_state(agent), learned_state(loaded))
    assert len(loaded.optimizer.variables) == len(agent.optimizer.variables) > 2
