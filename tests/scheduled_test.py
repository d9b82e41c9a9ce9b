"""Options that are numbers, or schedules over iterations."""

import json

import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_cem as cem
from keras_cem import scheduled
from keras_cem.cli.main import main
from tests.cli.small_run import SMALL

PolynomialDecay = keras.optimizers.schedules.PolynomialDecay
PiecewiseConstantDecay = keras.optimizers.schedules.PiecewiseConstantDecay

ENGINES = pytest.mark.parametrize("engine", ["host", "graph"])


def _agent(elite_quantile):
    agent = cem.CEMAgent.from_env(
        "CartPole-v1",
        hidden_units=(4,),
        elite_quantile=elite_quantile,
        ties="inclusive",
        seed=0,
    )
    agent.compile("sgd")
    return agent


def _fit(agent, engine, epochs=3):
    return agent.fit(
        "CartPole-v1", batch_size=16, epochs=epochs, engine=engine, verbose=0
    ).history


@pytest.mark.parametrize("value", [0.7, PolynomialDecay(0.5, 4, 1.0)])
def test_it_is_what_it_is_in_an_iteration(value):
    now = tf.function(lambda done: scheduled.current(value, done))
    found = now(tf.constant(2, tf.int64))
    assert found.dtype == tf.float64
    # A number is not rounded to float32.
    assert float(found) == (0.7 if value == 0.7 else 0.75)


@ENGINES
def test_a_quantile_that_stays_does_what_the_number_does(engine):
    fixed, stays = _agent(0.75), _agent(PolynomialDecay(0.75, 1, 0.75))
    assert _fit(fixed, engine) == _fit(stays, engine)
    for one, other in zip(
        fixed.get_weights(), stays.get_weights(), strict=True
    ):
        np.testing.assert_array_equal(one, other)


@ENGINES
def test_training_follows_the_quantile_over_epochs_and_fits(engine):
    agent = _agent(PiecewiseConstantDecay([0, 2], [0.875, 0.5, 0.25]))
    first = _fit(agent, engine, 2)["num_elites"]
    then = _fit(agent, engine, 2)["num_elites"]
    # At least so many are as good as the quantile; more where some tie.
    fewest = [2, 8, 8, 12]
    for found, least in zip([*first, *then], fewest, strict=True):
        assert least <= found <= least + 3


@ENGINES
def test_a_quantile_that_leaves_its_range_loses_nothing(engine):
    agent = _agent(PolynomialDecay(0.5, 2, 1.5))
    with pytest.raises(ValueError, match=r"elite_quantile\(1\)=1.0"):
        _fit(agent, engine)
    assert int(agent.iteration) == 1


def test_a_scheduled_quantile_is_saved(tmp_path):
    path = tmp_path / "agent.keras"
    agent = _agent(PolynomialDecay(0.8, 4, 0.5))
    _fit(agent, "host", 2)
    agent.save(path)
    again = keras.saving.load_model(path)
    assert again.elite_quantile.get_config() == (
        agent.elite_quantile.get_config()
    )
    assert _fit(again, "host", 2) == _fit(agent, "host", 2)
    json.dumps(agent.get_config())


def test_flags_make_it_fall(tmp_path):
    folder = tmp_path / "run"
    arguments = [*SMALL, "--nopreset", f"--output={folder}", "--noreport"]
    falls = [
        "--elite_quantile=0.75",
        "--last_elite_quantile=0.25",
        "--elite_quantile_steps=4",
    ]
    assert main(["train", *arguments, *falls]) == 0
    agent = keras.saving.load_model(folder / "last.keras")
    assert [float(agent.elite_quantile(done)) for done in (0, 2, 4, 9)] == [
        0.75,
        0.5,
        0.25,
        0.25,
    ]


@pytest.mark.parametrize(
    ("given", "received"),
    [
        (
            "--last_elite_quantile=0.5",
            "--last_elite_quantile=0.5, --elite_quantile_steps=None",
        ),
        (
            "--elite_quantile_steps=9",
            "--last_elite_quantile=None, --elite_quantile_steps=9",
        ),
    ],
)
def test_flags_need_each_other(tmp_path, capsys, given, received):
    folder = tmp_path / "run"
    arguments = [*SMALL, "--nopreset", f"--output={folder}", given]
    assert main(["train", *arguments]) == 2
    assert f"given together. Received: {received}" in capsys.readouterr().err
    assert not folder.exists()
