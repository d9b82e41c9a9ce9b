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


OPTIONS = pytest.mark.parametrize("option", ["discount", "elite_quantile"])


def _agent(**options):
    agent = cem.CEMAgent.from_env(
        "CartPole-v1", hidden_units=(4,), seed=0, **options
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


@OPTIONS
@ENGINES
def test_a_schedule_that_stays_does_what_the_number_does(engine, option):
    fixed = _agent(**{option: 0.75})
    stays = _agent(**{option: PolynomialDecay(0.75, 1, 0.75)})
    assert _fit(fixed, engine) == _fit(stays, engine)
    for one, other in zip(
        fixed.get_weights(), stays.get_weights(), strict=True
    ):
        np.testing.assert_array_equal(one, other)


@ENGINES
def test_training_follows_the_quantile_over_epochs_and_fits(engine):
    agent = _agent(
        elite_quantile=PiecewiseConstantDecay([0, 2], [0.875, 0.5, 0.25]),
        ties="inclusive",
    )
    first = _fit(agent, engine, 2)["num_elites"]
    then = _fit(agent, engine, 2)["num_elites"]
    # At least so many are as good as the quantile; more where some tie.
    fewest = [2, 8, 8, 12]
    for found, least in zip([*first, *then], fewest, strict=True):
        assert least <= found <= least + 3


@pytest.mark.parametrize(
    ("option", "done", "value"),
    [("discount", 2, 1.5), ("elite_quantile", 1, 1.0)],
)
@ENGINES
def test_a_schedule_that_leaves_its_range_loses_nothing(
    engine, option, done, value
):
    agent = _agent(**{option: PolynomialDecay(0.5, 2, 1.5)})
    with pytest.raises(ValueError, match=rf"{option}\({done}\)={value}"):
        _fit(agent, engine)
    assert int(agent.iteration) == done


@OPTIONS
def test_one_that_begins_out_of_range_is_refused(option):
    with pytest.raises(ValueError, match=rf"{option}\(0\)=1.5"):
        _agent(**{option: PolynomialDecay(1.5, 4, 1.0)})


@OPTIONS
def test_other_functions_are_refused(option):
    with pytest.raises(TypeError, match="LearningRateSchedule") as e:
        _agent(**{option: lambda done: 0.9})
    assert "of type function" in str(e.value)


@OPTIONS
def test_a_schedule_survives_saving(tmp_path, option):
    path = tmp_path / "agent.keras"
    agent = _agent(**{option: PolynomialDecay(0.5, 4, 0.75)})
    _fit(agent, "host", 2)
    agent.save(path)
    again = keras.saving.load_model(path)
    assert (
        getattr(again, option).get_config()
        == getattr(agent, option).get_config()
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
    ("given", "message"),
    [
        (
            ["--last_elite_quantile=0.5"],
            "given together. Received: --last_elite_quantile=0.5, "
            "--elite_quantile_steps=None",
        ),
        (
            ["--elite_quantile_steps=9"],
            "given together. Received: --last_elite_quantile=None, "
            "--elite_quantile_steps=9",
        ),
        (
            ["--elite_quantile_steps=9", "--last_elite_quantile=0"],
            "must be in (0, 1). Received: --last_elite_quantile=0.0",
        ),
    ],
)
def test_flags_that_make_no_schedule_are_refused(
    tmp_path, capsys, given, message
):
    folder = tmp_path / "run"
    arguments = [*SMALL, "--nopreset", f"--output={folder}", *given]
    assert main(["train", *arguments]) == 2
    assert message in capsys.readouterr().err
    assert not folder.exists()
