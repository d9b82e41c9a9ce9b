"""Means that an optimizer keeps are those of the iterations' weights."""

import functools

import keras
import numpy as np
import pytest

import keras_cem as cem
from keras_cem.algorithm import weight_averages
from tests.helpers import COMPILED, EAGER, TRACED, assert_equal, differ

pytestmark = pytest.mark.slow

MOMENTUM = 0.75


def adam():
    return keras.optimizers.Adam(0.1, use_ema=True, ema_momentum=MOMENTUM)


def make(optimizer=None, seed=0, **compiling):
    agent = cem.CEMAgent.from_env("CartPole-v1", hidden_units=(3,), seed=seed)
    agent.compile(optimizer or adam(), **(compiling or EAGER))
    return agent


def fit(agent, engine="host", steps=30, **kwargs):
    """At most `steps` steps an episode: with few, all return the same."""
    return agent.fit(
        "CartPole-v1",
        engine=engine,
        batch_size=8,
        max_episode_steps=steps,
        verbose=0,
        **kwargs,
    )


class Weights(keras.callbacks.Callback):
    """The weights after each iteration."""

    def __init__(self):
        super().__init__()
        self.found = []

    def on_train_batch_end(self, batch, logs=None):
        self.found.append(self.model.policy.get_weights())


@pytest.mark.parametrize(
    ("engine", "mode"),
    [("host", EAGER), ("host", TRACED), ("graph", TRACED), ("graph", COMPILED)],
)
def test_training_ends_with_the_means(engine, mode):
    weights, agent = Weights(), make(**mode)
    fit(agent, engine, epochs=3, steps_per_epoch=2, callbacks=[weights])
    expected = weights.found[0]
    for found in weights.found[1:]:
        expected = [
            MOMENTUM * mean + (1 - MOMENTUM) * weight
            for mean, weight in zip(expected, found, strict=True)
        ]
    assert len(weights.found) == 6
    for mean, weight in zip(expected, agent.policy.get_weights(), strict=True):
        np.testing.assert_allclose(weight, mean, rtol=1e-5, atol=1e-6)
    assert differ(agent.policy.get_weights(), weights.found[-1])


@pytest.mark.parametrize(
    "optimizer",
    [adam, lambda: keras.optimizers.LossScaleOptimizer(adam())],
    ids=["plain", "scaled"],
)
def test_training_without_a_step_ends_with_the_weights(optimizer):
    agent = make(optimizer())
    before = agent.policy.get_weights()
    history = fit(agent, steps=2)
    assert history.history["num_elites"] == [0]
    assert_equal(agent.policy.get_weights(), before)


class Validated(keras.callbacks.Callback):
    """The weights and the means around a validation, and what it sees."""

    def __init__(self):
        super().__init__()
        self.weights, self.means, self.seen, self.after = [], [], [], []

    def on_train_batch_end(self, batch, logs=None):
        pairs = weight_averages.pairs(self.model.optimizer)
        self.weights.append([weight.numpy() for weight, _ in pairs])
        self.means.append([mean.numpy() for _, mean in pairs])

    def on_test_batch_end(self, batch, logs=None):
        self.seen.append(self.model.policy.get_weights())

    def on_epoch_end(self, epoch, logs=None):
        self.after.append(self.model.policy.get_weights())


@pytest.mark.parametrize("engine", ["host", "graph"])
def test_keras_swaps_them_in_for_validations(engine):
    agent, validated = make(**TRACED), Validated()
    fit(
        agent,
        engine,
        epochs=3,
        validation_data="CartPole-v1",
        callbacks=[keras.callbacks.SwapEMAWeights(), validated],
    )
    assert len(validated.seen) == 3
    # Keras swaps by adding and subtracting, which rounds.
    close = functools.partial(np.testing.assert_allclose, rtol=1e-5, atol=1e-5)
    # The first mean is the weights themselves.
    for epoch in range(1, 3):
        assert differ(validated.weights[epoch], validated.means[epoch])
    for epoch in range(3):
        for found, expected in (
            (validated.seen[epoch], validated.means[epoch]),
            (validated.after[epoch], validated.weights[epoch]),
        ):
            for one, other in zip(found, expected, strict=True):
                close(one, other)
    for one, other in zip(
        agent.policy.get_weights(), validated.means[-1], strict=True
    ):
        close(one, other)


def test_optimizers_without_them_have_none():
    agent = make(keras.optimizers.Adam(0.1))
    fit(agent)
    assert weight_averages.pairs(agent.optimizer) == []
