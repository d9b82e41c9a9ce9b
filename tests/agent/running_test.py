"""Which `fit` or `evaluate` on an environment an agent runs."""

import keras
import numpy as np
import pytest

import keras_cem as cem
from keras_cem.agent.run import Run
from keras_cem.agent.running import (
    entered,
    follow_epsilon,
    playing_on,
    running,
)
from tests.helpers import DISCRETE, make_agent


class Source:
    """A source that can be closed, or not."""

    def __init__(self, error=None):
        self.closed = False
        self.error = error

    def close(self):
        self.closed = True
        if self.error is not None:
            raise self.error


def make_run(**given):
    return Run(None, 0, **given)


def test_runs_are_entered_and_left_in_turn():
    agent = make_agent(DISCRETE)
    outer = make_run()
    with entered(agent, outer):
        assert running(agent) is outer
        with entered(agent, None):
            assert agent.run is None
        assert agent.run is outer
    assert agent.run is None
    with pytest.raises(RuntimeError, match="No `fit`"):
        running(agent)


def test_all_sources_are_closed_at_the_end():
    agent = make_agent(DISCRETE)
    train, test = Source(), Source(OSError("cannot be closed"))
    run = make_run()
    with (
        pytest.raises(OSError, match="cannot be closed"),
        playing_on(agent, run),
    ):
        run.train, run.test = train, test
    assert train.closed
    assert test.closed
    assert agent.run is None


def test_epsilon_follows_one_schedule():
    with pytest.raises(RuntimeError, match="arrays are not explored"):
        follow_epsilon(None, float)
    run = make_run()
    follow_epsilon(run, float)
    assert run.schedule is float
    with pytest.raises(ValueError, match="at most one `EpsilonDecay`"):
        follow_epsilon(run, float)


def test_a_callback_of_fit_on_an_environment_fits_and_evaluates_arrays():
    x, y = np.zeros((4, 4), np.float32), np.zeros(4, np.int64)
    losses = []

    class OnArrays(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            fitted = self.model.fit(x, y, verbose=0)
            losses.append(fitted.history["loss"][0])
            losses.append(self.model.evaluate(x, y, verbose=0))

    agent = cem.CEMAgent.from_env("CartPole-v1", hidden_units=(), seed=0)
    agent.compile(keras.optimizers.SGD(1.0), run_eagerly=True)
    history = agent.fit(
        "CartPole-v1",
        engine="host",
        batch_size=2,
        max_episode_steps=2,
        callbacks=[OnArrays()],
        verbose=0,
    )
    assert history.history["env_steps"] == [4]
    # Two actions; the first loss is that of equal logits.
    assert losses[0] == pytest.approx(np.log(2))
    assert losses[1] < losses[0]
