"""Discounts that are numbers, or schedules over iterations."""

import keras
import pytest
import tensorflow as tf

import keras_cem as cem
from keras_cem import discounts
from keras_cem.cli.main import main
from tests.cli.small_run import SMALL

PolynomialDecay = keras.optimizers.schedules.PolynomialDecay
PiecewiseConstantDecay = keras.optimizers.schedules.PiecewiseConstantDecay

ENGINES = pytest.mark.parametrize("engine", ["host", "graph"])


def _agent(discount, **compiled):
    agent = cem.CEMAgent.from_env(
        "CartPole-v1", hidden_units=(4,), discount=discount, seed=0
    )
    agent.compile("sgd", **compiled)
    return agent


def _fit(agent, engine, epochs=3, **arguments):
    return agent.fit(
        "CartPole-v1",
        batch_size=8,
        epochs=epochs,
        engine=engine,
        verbose=0,
        **arguments,
    ).history


def test_schedule_rises_with_the_iterations():
    rises = PolynomialDecay(0.5, 4, 1.0)
    now = tf.function(lambda done: discounts.current(rises, done))
    values = [float(now(tf.constant(done, tf.int64))) for done in range(6)]
    assert values == [0.5, 0.625, 0.75, 0.875, 1.0, 1.0]
    assert now(tf.constant(0, tf.int64)).dtype == tf.float64


def test_nothing_is_discounted_by_one():
    assert discounts.current(1.0, 0) is None
    assert discounts.current(0.75, 0).numpy() == 0.75


@ENGINES
def test_training_follows_it_over_epochs_and_fits(engine):
    """CartPole gives 1 a step: its thresholds tell the discount."""
    agent = _agent(PiecewiseConstantDecay([0, 2], [0.001, 0.5, 1.0]))
    first = _fit(agent, engine, 2)["elite_threshold"]
    then = _fit(agent, engine, 2)["elite_threshold"]
    assert first == pytest.approx([1 / 0.999, 2], abs=0.01)
    assert then[0] == pytest.approx(2, abs=0.01)
    assert then[1] > 8


def test_several_iterations_of_an_execution_have_one_each():
    agent = _agent(
        PiecewiseConstantDecay([0], [0.001, 0.5]), steps_per_execution=2
    )
    history = _fit(agent, "graph", 1, steps_per_epoch=2)
    # The mean of both iterations of the epoch.
    assert history["elite_threshold"] == pytest.approx([1.5], abs=0.01)


def test_memory_and_schedule_contradict_each_other():
    with pytest.raises(ValueError, match="must be a number where `elite_mem"):
        cem.CEMAgent.from_env(
            "CartPole-v1",
            elite_memory=4,
            discount=PolynomialDecay(0.5, 4, 1.0),
        )


def test_flag_makes_it_rise_to_one(tmp_path):
    folder = tmp_path / "run"
    arguments = [*SMALL, "--nopreset", f"--output={folder}", "--noreport"]
    rises = ["--discount=0.5", "--discount_steps=4"]
    assert main(["train", *arguments, *rises]) == 0
    agent = keras.saving.load_model(folder / "last.keras")
    assert [float(agent.discount(done)) for done in (0, 2, 4, 9)] == [
        0.5,
        0.75,
        1.0,
        1.0,
    ]
