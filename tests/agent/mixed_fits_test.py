"""`fit` on arrays, data sets and environments of both engines, in turn."""

import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_cem as cem

# Keras says so of every data set, whose default it is.
pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:.shuffle=True. was passed"),
]

X = np.random.default_rng(0).uniform(-1, 1, (12, 4)).astype(np.float32)
Y = (X.sum(axis=1) > 0).astype(np.int64)


class Data(keras.utils.PyDataset):
    def __len__(self):
        return 3

    def __getitem__(self, index):
        rows = slice(4 * index, 4 * index + 4)
        return X[rows], Y[rows]


def batches():
    return tf.data.Dataset.from_tensor_slices((X, Y)).batch(4)


def recorded():
    return [
        {
            "observations": X[: length + 1],
            "actions": Y[:length],
            "rewards": np.ones(length),
        }
        for length in (2, 3, 4, 5)
    ]


PLAYING = {"batch_size": 2, "max_episode_steps": 4}
# What `fit` is given; whether that is arrays; environment steps it plays.
KINDS = {
    "arrays": ({"x": X, "y": Y, "batch_size": 4}, True, 0),
    "dataset": ({"x": batches}, True, 0),
    "pydataset": ({"x": Data}, True, 0),
    "recorded": ({"x": recorded, "batch_size": 2}, False, 0),
    "host": ({"x": "CartPole-v1", "engine": "host", **PLAYING}, False, 8),
    "graph": ({"x": "CartPole-v1", "engine": "graph", **PLAYING}, False, 8),
}


def fit(agent, kind, **kwargs):
    given, of_arrays, steps = KINDS[kind]
    x = given["x"]
    given = {**given, "x": x() if callable(x) else x}
    before = int(agent.env_steps), int(agent.iteration)
    history = agent.fit(**given, verbose=0, **kwargs).history
    after = int(agent.env_steps), int(agent.iteration)
    assert after == (before[0] + steps, before[1] + (not of_arrays))
    assert ("episode_return" in history) == (not of_arrays)
    assert np.isfinite(history["loss"]).all()
    return history


@pytest.mark.parametrize("execution", [1, 2])
def test_each_kind_of_fit_follows_each_other(execution):
    agent = cem.CEMAgent.from_env("CartPole-v1", hidden_units=(), seed=0)
    agent.compile(
        keras.optimizers.SGD(0.01),
        metrics=["accuracy"],
        steps_per_execution=execution,
        jit_compile=False,
    )
    # The second of a pair is followed by each first, and in the end by one.
    pairs = itertools.combinations(KINDS, 2)
    order = [*itertools.chain(*pairs), next(iter(KINDS))]
    followed = {*itertools.pairwise(order)}
    assert followed == {*itertools.permutations(KINDS, 2)}
    for kind in order:
        history = fit(agent, kind)
        assert ("accuracy" in history) == KINDS[kind][1]
    # One for arrays of all kinds, for each engine, and for what was recorded.
    assert len(agent.train_function.functions) == 4


@pytest.mark.parametrize("kind", ["host", "graph"])
def test_arrays_in_between_change_the_weights_alone(kind):
    def trained(between):
        agent = cem.CEMAgent.from_env("CartPole-v1", hidden_units=(), seed=0)
        agent.compile(keras.optimizers.SGD(0.0), jit_compile=False)
        histories = [fit(agent, kind)]
        if between:
            fit(agent, "dataset")
        return [*histories, fit(agent, kind)]

    assert trained(True) == trained(False)


@pytest.mark.parametrize("kind", ["host", "graph"])
def test_what_arrays_taught_is_played(kind):
    agent = cem.CEMAgent.from_env("CartPole-v1", hidden_units=(), seed=0)
    agent.compile(keras.optimizers.Adam(0.1), jit_compile=False)
    fit(agent, kind)
    agent.fit(X, np.ones(12, int), epochs=30, verbose=0)
    played = agent.collect("CartPole-v1", 2, engine=kind, max_episode_steps=4)
    assert np.all(played.actions[played.mask] == 1)


def test_arrays_validated_in_between():
    agent = cem.CEMAgent.from_env("CartPole-v1", hidden_units=(), seed=0)
    agent.compile(keras.optimizers.SGD(0.01), jit_compile=False)
    history = fit(agent, "host", validation_data="CartPole-v1")
    assert history["val_episode_length"] == [4]
    assert set(fit(agent, "dataset", validation_data=(X, Y))) == {
        "loss",
        "val_loss",
    }
    with pytest.raises(TypeError, match="must be an environment"):
        fit(agent, "host", validation_data=(X, Y))
    with pytest.raises(TypeError, match="must be data"):
        fit(agent, "dataset", validation_data="CartPole-v1")
    history = fit(agent, "graph", validation_data="CartPole-v1")
    assert history["val_episode_length"] == [4]
