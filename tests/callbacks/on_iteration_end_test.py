"""What a function is told about each iteration."""

import keras
import numpy as np
import pytest

import keras_cem as cem


def told(engine, epochs=3, **options):
    """The iterations of a small `fit`, and its History."""
    agent = cem.CEMAgent.from_env(
        "CartPole-v1", hidden_units=(), seed=0, **options
    )
    agent.compile(optimizer=keras.optimizers.SGD(0.01), run_eagerly=True)
    iterations = []
    history = agent.fit(
        "CartPole-v1",
        engine=engine,
        batch_size=6,
        max_episode_steps=12,
        epochs=epochs,
        callbacks=[cem.callbacks.OnIterationEnd(iterations.append)],
        verbose=0,
    )
    return iterations, history.history


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["host", "graph"])
def test_elites_are_those_above_the_threshold(engine):
    iterations, history = told(engine)
    assert [each.number for each in iterations] == [1, 2, 3]
    for epoch, each in enumerate(iterations):
        assert each.env_steps == history["env_steps"][epoch]
        assert each.returns.shape == (6,)
        assert each.returns.mean() == pytest.approx(
            history["episode_return"][epoch]
        )
        assert each.elite_mask.sum() == history["num_elites"][epoch]
        threshold = history["elite_threshold"][epoch]
        assert (each.returns[each.elite_mask] >= threshold).all()


def test_memory_does_not_count():
    iterations, _ = told("host", elite_memory=5)
    assert all(each.elite_mask.shape == (6,) for each in iterations)


def test_an_episode_with_an_elite_step_is_elite():
    (iteration,), history = told("host", epochs=1, elite_unit="step")
    steps = history["num_elites"][0]
    assert 0 < iteration.elite_mask.sum() <= min(6, steps)


def test_wrong_function_is_refused():
    with pytest.raises(TypeError, match="Received: function=3"):
        cem.callbacks.OnIterationEnd(3)


def test_arrays_are_refused():
    agent = cem.CEMAgent.from_env("CartPole-v1", hidden_units=())
    agent.compile(optimizer="sgd", run_eagerly=True)
    with pytest.raises(RuntimeError, match="`OnIterationEnd` must be used"):
        agent.fit(
            np.zeros((2, 4), np.float32),
            np.zeros(2, int),
            callbacks=[cem.callbacks.OnIterationEnd(print)],
            verbose=0,
        )
