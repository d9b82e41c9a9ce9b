"""Training in stages gives what `fit` gives."""

import keras
import numpy as np
import pytest

import keras_cem as cem
from keras_cem.agent.staged_training import StagedTraining

K, ITERATIONS = 6, 2
Q = 0.7


def make_agent(env, **options):
    agent = cem.CEMAgent.from_env(
        env, hidden_units=(4,), seed=3, elite_quantile=Q, **options
    )
    agent.compile(keras.optimizers.Adam(0.05), jit_compile=False)
    return agent


def schedule(iteration):
    return 1.0 / (iteration + 1.0)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("engine", "options"),
    [
        pytest.param(
            "graph",
            {"elite_unit": "step", "gradient_epochs": 2},
            id="elite steps",
            marks=pytest.mark.slow,
        ),
        pytest.param("host", {"gradient_steps": 2}, id="host"),
    ],
)
def test_weights_and_metrics_are_those_of_fit(engine, options):
    env, playing = "CartPole-v1", {"engine": engine, "max_episode_steps": 30}
    fitted = make_agent(env, **options)
    history = fitted.fit(
        env,
        batch_size=K,
        epochs=ITERATIONS,
        verbose=0,
        callbacks=[cem.callbacks.EpsilonDecay(schedule)],
        **playing,
    ).history
    agent = make_agent(env, **options)
    staged = StagedTraining(agent, env, K, schedule, playing)
    for number in range(ITERATIONS):
        played = staged.play()
        assert played.observations.shape == (K, 30, 4)
        # Another selection in between is forgotten.
        staged.select(0.2, "inclusive")
        staged.select(Q, "auto")
        metrics = staged.imitate()
        assert metrics == {
            name: values[number] for name, values in history.items()
        }
    staged.close()
    for mine, theirs in zip(agent.weights, fitted.weights, strict=True):
        np.testing.assert_array_equal(mine, theirs)


def test_imitation_needs_elites():
    agent = make_agent("CartPole-v1")
    staged = StagedTraining(agent, "CartPole-v1", K)
    with pytest.raises(ValueError, match="needs `play` and `select`"):
        staged.imitate()


def test_elite_memory_is_refused():
    agent = make_agent("CartPole-v1", elite_memory=5)
    with pytest.raises(ValueError, match="`elite_memory` cannot"):
        StagedTraining(agent, "CartPole-v1", K)
