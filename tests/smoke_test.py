"""What every supported version of Python and of the packages must do.

`make versions` runs these tests with the oldest and the newest versions, which
have none of the extras: import here what setup.cfg requires, and pytest, alone.
"""

import importlib.metadata
import json
import math

import gymnasium
import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_cem as cem
from keras_cem.cli.main import main

ENV = "CartPole-v1"
ENGINES = ("graph", "host")


@pytest.fixture(scope="module", params=ENGINES)
def trained(request):
    """An agent after two iterations, and the arguments of its environment."""
    playing = {"batch_size": 6, "max_episode_steps": 12}
    agent = cem.CEMAgent.from_env(
        ENV, hidden_units=(4,), normalize_observations=True, seed=1
    )
    agent.compile(keras.optimizers.Adam(0.01, use_ema=True))
    # With Keras' progress bar, and validation, which `fit` calls its own way.
    history = agent.fit(
        ENV,
        engine=request.param,
        epochs=2,
        validation_data=ENV,
        callbacks=[cem.callbacks.EpsilonDecay()],
        **playing,
    )
    return agent, history, {**playing, "engine": request.param}


def test_fit_learns_and_reports(trained):
    _, history, _ = trained
    assert isinstance(history, keras.callbacks.History)
    assert history.epoch == [0, 1]
    assert history.history["epsilon"] == [1.0, 0.5]
    # K = 6 episodes of 12 steps at most.
    assert 0 < history.history["num_elites"][0] < 6
    assert 6 < history.history["env_steps"][-1] <= 2 * 6 * 12
    for name in ("loss", "val_episode_return", "elite_threshold"):
        assert all(map(math.isfinite, history.history[name]))


def test_evaluate_repeats(trained):
    agent, _, playing = trained
    first, second = (
        agent.evaluate(ENV, return_dict=True, verbose=0, **playing)
        for _ in range(2)
    )
    assert first == second
    assert 1 <= first["episode_return"] <= 12


def test_saved_and_exported_agents_act_as_before(trained, tmp_path):
    agent, _, _ = trained
    observations = np.linspace(-1, 1, 20, dtype=np.float32).reshape(5, 4)
    outputs = agent.predict(observations, verbose=0)
    agent.save(tmp_path / "agent.keras")
    loaded = keras.saving.load_model(tmp_path / "agent.keras")
    np.testing.assert_array_equal(
        loaded.predict(observations, verbose=0), outputs
    )
    agent.export(tmp_path / "policy")
    exported = tf.saved_model.load(tmp_path / "policy")
    np.testing.assert_array_equal(
        exported.act(observations), outputs.argmax(axis=1)
    )


def test_resumed_training_goes_on(tmp_path):
    histories = []
    for epochs in (1, 2):
        agent = cem.CEMAgent.from_env(ENV, hidden_units=(4,), seed=2)
        agent.compile(keras.optimizers.Adam(0.01), run_eagerly=True)
        checkpoint = cem.callbacks.Checkpoint(tmp_path / "checkpoints")
        history = agent.fit(
            ENV,
            batch_size=6,
            max_episode_steps=12,
            engine="host",
            epochs=epochs,
            callbacks=[checkpoint],
            resume_from=tmp_path / "checkpoints",
            verbose=0,
        )
        histories.append(history.history)
    assert histories[1]["loss"][0] == histories[0]["loss"][0]
    assert len(histories[1]["loss"]) == 2


def test_command_line_trains(tmp_path, capsys):
    run = tmp_path / "run"
    arguments = [
        f"--env={ENV}",
        f"--output={run}",
        "--nopreset",
        "--engine=host",
        "--epochs=1",
        "--batch_size=4",
        "--hidden_units=4",
        "--max_episode_steps=10",
        "--validation_episodes=2",
        "--episodes=2",
        "--noplot",
    ]
    assert main(["train", *arguments]) == 0
    assert "Greedy return over 2 episodes" in capsys.readouterr().out
    assert json.loads((run / "results.json").read_text())["epochs"] == 1


class Asked(keras.Model):
    """Notes which arguments `fit` gives its `evaluate`."""

    def __init__(self):
        super().__init__()
        self.dense = keras.layers.Dense(1)
        self.names = []

    def call(self, x):
        return self.dense(x)

    def evaluate(self, *args, **kwargs):
        self.names += kwargs
        return super().evaluate(*args, **kwargs)


def private_names():
    """Where keras_cem looks for names that are no public API, and the names."""
    weight = keras.Variable(np.zeros(2))
    optimizer = keras.optimizers.Adam(use_ema=True)
    optimizer.build([weight])
    limited = gymnasium.wrappers.TimeLimit(
        gymnasium.make(ENV).unwrapped, max_episode_steps=7
    )
    data, asked = np.zeros((4, 1)), Asked()
    asked.compile(loss="mse", run_eagerly=True)
    asked.fit(data, data, validation_data=(data, data), verbose=0)
    return [
        ("keras", dir(optimizer), "_model_variables_moving_average"),
        ("keras", dir(optimizer), "_trainable_variables"),
        ("keras", asked.names, "_use_cached_eval_dataset"),
        ("gymnasium", dir(limited), "_max_episode_steps"),
    ]


def test_private_names_are_there():
    gone = [
        f"{package} {importlib.metadata.version(package)} has no {name}"
        for package, names, name in private_names()
        if name not in names
    ]
    assert not gone
