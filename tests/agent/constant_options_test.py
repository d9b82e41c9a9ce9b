"""Options of the method are plain numbers, exact to float64."""

import json
import zipfile

import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_cem as cem
from keras_cem import prng
from keras_cem.algorithm import elites, iteration
from keras_cem.cli.console import CommandError
from keras_cem.cli.run import agent_file
from keras_cem.engines.graph.source import GraphSource
from tests.helpers import DISCRETE, make_agent, make_trajectories

pytestmark = pytest.mark.slow

QUANTILES = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99]
# Where seven of eleven tie, a quantile of 0.7 that was rounded down would let
# these be elite, too.
RETURNS = {
    "ties": [0.0] * 7 + [1.0] * 4,
    "distinct": np.random.default_rng(0).normal(size=11),
    "many": np.random.default_rng(1).integers(0, 20, 101),
}
OPTIONS = pytest.mark.parametrize("option", ["elite_quantile", "discount"])
SCHEDULE = keras.optimizers.schedules.PolynomialDecay(0.7, 10, 0.5)


@pytest.mark.parametrize("returns", RETURNS.values(), ids=RETURNS)
@pytest.mark.parametrize("compiled", [None, False, True])
def test_threshold_and_elites_are_those_of_numpys_quantile(returns, compiled):
    returns = np.asarray(returns, np.float32)
    for quantile in np.round(np.arange(0.01, 1.0, 0.01), 2):

        def select(quantile=float(quantile)):
            return elites.select(tf.constant(returns), quantile, "strict")

        if compiled is not None:
            if quantile not in QUANTILES:
                continue
            select = tf.function(select, jit_compile=compiled)
        gamma_q, elite_mask = select()
        # numpy's own, rounded once to what returns are.
        expected = np.float32(np.quantile(returns.astype(np.float64), quantile))
        np.testing.assert_allclose(gamma_q, expected, rtol=1e-6, atol=1e-6)
        np.testing.assert_array_equal(elite_mask, returns > expected)


def _on_the_host(returns):
    made = make_trajectories(DISCRETE, np.zeros(len(returns)), steps=1)
    rewards = np.asarray(returns, np.float32)[:, None]
    played = made._replace(rewards=rewards)
    return lambda q: make_agent(
        DISCRETE, elite_quantile=q, ties="strict"
    ), tf.nest.map_structure(tf.convert_to_tensor, played)


def _in_the_graph(returns):
    def make(q):
        agent = cem.CEMAgent.from_env(
            "CartPole-v1",
            hidden_units=(),
            elite_quantile=q,
            ties="strict",
            seed=0,
        )
        agent.compile("sgd", run_eagerly=True)
        agent.optimizer.build(agent.trainable_variables)
        return agent

    agent = make(0.5)
    played = GraphSource(cem.envs.make("CartPole-v1"), len(returns), 3).play(
        agent.policy,
        agent.head,
        numbers=(0, prng.TRAINING_RESETS, 0),
        epsilon=tf.constant(0.5),
    )
    returns = tf.constant(returns, tf.float32)
    return make, played._replace(returns=returns, discounted=returns)


@pytest.mark.parametrize("name", ["ties", "distinct"])
@pytest.mark.parametrize("played_by", [_on_the_host, _in_the_graph])
def test_an_iteration_takes_the_elites_of_numpys_quantile(played_by, name):
    returns = np.asarray(RETURNS[name], np.float32)
    make, played = played_by(returns)
    for quantile in QUANTILES:
        agent = make(quantile)
        agent.graph_execution.begin_fit(len(returns))
        iteration.iterate(agent, lambda: played)
        metrics = agent.train_metrics
        expected = np.quantile(returns.astype(np.float64), quantile)
        found = float(metrics.elite_threshold.result())
        assert found == pytest.approx(expected, rel=1e-6, abs=1e-6), quantile
        num_elites = float(metrics.num_elites.result())
        assert num_elites == np.sum(returns > np.float32(expected)), quantile


@OPTIONS
@pytest.mark.parametrize("value", [SCHEDULE, lambda iterations: 0.9])
def test_schedules_are_refused_with_the_cure(option, value):
    with pytest.raises(TypeError, match=f"`{option}` must be a number") as e:
        cem.CEMAgent.from_env("CartPole-v1", **{option: value})
    assert f"Received: {option}={value!r} of type" in str(e.value)
    assert "Only epsilon can follow a schedule" in str(e.value)


@OPTIONS
def test_an_agent_saved_with_a_schedule_is_refused_by_name(tmp_path, option):
    """As version 0.1.0 saved it."""
    saved, old = tmp_path / "agent.keras", tmp_path / "old.keras"
    cem.CEMAgent.from_env("CartPole-v1", hidden_units=(4,)).save(saved)
    with zipfile.ZipFile(saved) as read, zipfile.ZipFile(old, "w") as write:
        for name in read.namelist():
            content = read.read(name)
            if name == "config.json":
                config = json.loads(content)
                config["config"][option] = keras.saving.serialize_keras_object(
                    SCHEDULE
                )
                content = json.dumps(config).encode()
            write.writestr(name, content)
    expected = f"`{option}` must be a number"
    with pytest.raises(TypeError, match=expected) as e:
        keras.saving.load_model(old)
    assert "PolynomialDecay" in str(e.value)
    with pytest.raises(CommandError, match=expected) as e:
        agent_file.load(old)
    assert "Only epsilon can follow a schedule" in str(e.value)
