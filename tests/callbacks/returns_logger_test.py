"""Returns of iterations, few of many."""

import json
import types

import keras
import numpy as np
import pytest

import keras_cem as cem
from keras_cem.callbacks import ReturnsLogger

pytestmark = pytest.mark.slow

FIT = {"batch_size": 5, "max_episode_steps": 12, "verbose": 0}


def make_agent(**mode):
    agent = cem.CEMAgent.from_env("CartPole-v1", hidden_units=(), seed=0)
    agent.compile(optimizer=keras.optimizers.Adam(1e-2), **mode)
    return agent


def stages_of(path):
    return json.loads(path.read_text())["stages"]


@pytest.mark.parametrize("engine", ["host", "graph"])
def test_stages_are_what_history_says(tmp_path, engine):
    path = tmp_path / "returns.json"
    agent = make_agent()
    history = agent.fit(
        "CartPole-v1",
        engine=engine,
        epochs=3,
        callbacks=[ReturnsLogger(path)],
        **FIT,
    ).history
    stages = stages_of(path)
    assert [stage["iteration"] for stage in stages] == [1, 2, 3]
    assert [stage["env_steps"] for stage in stages] == history["env_steps"]
    for stage, mean, best, threshold in zip(
        stages,
        history["episode_return"],
        history["episode_return_max"],
        history["elite_threshold"],
        strict=True,
    ):
        assert len(stage["returns"]) == 5
        assert np.mean(stage["returns"]) == pytest.approx(mean)
        assert stage["returns"][-1] == best
        assert stage["elite_threshold"] == pytest.approx(threshold)


def test_another_batch_size_in_the_graph_is_taken(tmp_path):
    agent = make_agent(jit_compile=False)
    for batch_size in (4, 6):
        path = tmp_path / "returns.json"
        agent.fit(
            "CartPole-v1",
            engine="graph",
            callbacks=[ReturnsLogger(path)],
            **{**FIT, "batch_size": batch_size},
        )
        assert len(stages_of(path)[0]["returns"]) == batch_size


class Model:
    """As much of an agent as the callback asks."""

    def __init__(self):
        self.run = object()
        self.iteration = self.env_steps = 0
        self.critic = None
        self.graph_execution = types.SimpleNamespace(latest_returns=None)


def train(logger, returns, first=0):
    logger.set_model(Model())
    logger.on_train_begin()
    go_on(logger, returns, first)


def go_on(logger, returns, first):
    for epoch, values in enumerate(returns, first):
        logger.model.iteration = epoch + 1
        logger.model.graph_execution.latest_returns = np.array(values)
        logger.on_epoch_end(epoch, {"elite_threshold": 1.0})


def test_stages_of_long_trainings_are_evenly_spaced(tmp_path):
    path = tmp_path / "returns.json"
    logger = ReturnsLogger(path, max_stages=4)
    train(logger, [[1.0]] * 19)
    logger.on_train_end()
    numbers = [stage["iteration"] for stage in stages_of(path)]
    assert numbers == [1, 9, 17, 19]


def test_many_returns_become_evenly_spaced_ones(tmp_path):
    path = tmp_path / "returns.json"
    logger = ReturnsLogger(path, max_returns=3)
    train(logger, [[4.0, 0.0, 3.0, 1.0, 2.0]])
    logger.on_train_end()
    assert stages_of(path)[0]["returns"] == [0, 2, 4]


def test_what_is_not_finite_is_left_out(tmp_path):
    path = tmp_path / "returns.json"
    logger = ReturnsLogger(path)
    train(logger, [[np.nan, 2.0], [np.inf, np.nan]])
    logger.on_train_end()
    (stage,) = stages_of(path)
    assert stage["returns"] == [2]


@pytest.mark.parametrize("done", [1, 6, 11])
def test_resumed_equals_uninterrupted(tmp_path, done):
    returns = [[float(n), n + 1.0] for n in range(13)]
    whole = ReturnsLogger(tmp_path / "whole.json", max_stages=4)
    train(whole, returns)
    whole.on_train_end()
    first = ReturnsLogger(tmp_path / "first.json", max_stages=4)
    train(first, returns[:done])
    first.on_train_end()
    state = json.loads(json.dumps(first.get_state()))
    second = ReturnsLogger(tmp_path / "second.json", max_stages=4)
    train(second, [])
    second.set_state(state)
    go_on(second, returns[done:], done)
    second.on_train_end()
    assert second.filepath.read_bytes() == whole.filepath.read_bytes()


@pytest.mark.parametrize("argument", ["max_stages", "max_returns"])
def test_less_than_two_is_refused(argument):
    with pytest.raises(ValueError, match=f"{argument}=1"):
        ReturnsLogger("returns.json", **{argument: 1})
