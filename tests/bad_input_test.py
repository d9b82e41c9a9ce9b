"""What is refused before anything is played, and in which words."""

import os
import re

import keras
import numpy as np
import pytest

import keras_cem as cem
from keras_cem import spaces
from tests import bad_inputs
from tests.helpers import (
    DISCRETE,
    OBSERVATION,
    make_agent,
    make_policy,
)

NAN, INFINITY = float("nan"), float("inf")


def _agent(policy=None, action_space=DISCRETE, **kwargs):
    return cem.CEMAgent(
        make_policy(DISCRETE) if policy is None else policy,
        action_space,
        **kwargs,
    )


@pytest.mark.parametrize(("call", "error", "parts"), bad_inputs.ROWS)
def test_bad_input_is_refused_in_words_that_show_it(call, error, parts):
    with pytest.raises(error) as caught:
        call()
    message = str(caught.value)
    for part in parts:
        assert part in message


def test_table_holds_what_it_should():
    """At least 80 inputs, each shown in the message that refuses it."""
    assert len(bad_inputs.ROWS) >= 80
    for row in bad_inputs.ROWS:
        _, error, parts = row.values
        assert parts, row.id
        assert issubclass(error, Exception)


@pytest.mark.parametrize("shape", [(), (4, 1), (2, 2)])
def test_outputs_of_another_rank_are_refused(shape):
    """All 4 logits, but not in one row."""
    policy = keras.Sequential(
        [keras.Input((3,)), keras.layers.Dense(4), keras.layers.Reshape(shape)]
        if shape
        else [keras.Input((3,)), keras.layers.Dense(1), keras.layers.Flatten()]
    )
    with pytest.raises(
        ValueError, match="`policy` must return outputs of"
    ) as e:
        _agent(policy, observation_space=OBSERVATION)
    assert "of shape (batch, 4)" in str(e.value)
    assert "Received: policy='sequential" in str(e.value)


def test_policy_that_returns_several_outputs_is_refused():
    inputs = keras.Input((3,))
    outputs = [keras.layers.Dense(4)(inputs), keras.layers.Dense(4)(inputs)]
    with pytest.raises(ValueError, match="`policy` must return one") as error:
        _agent(keras.Model(inputs, outputs), observation_space=OBSERVATION)
    assert "which returned <class 'list'>" in str(error.value)


def test_policy_that_returns_integers_is_refused():
    class Choose(keras.layers.Layer):
        def call(self, inputs):
            return keras.ops.argsort(inputs)

    with pytest.raises(ValueError, match="`policy` must return one") as error:
        _agent(Choose(), spaces.Discrete(3), observation_space=OBSERVATION)
    assert "Received: policy='choose'" in str(error.value)
    assert "which returned int32" in str(error.value)


def test_policy_that_does_not_take_the_observations_is_refused():
    policy = keras.Sequential([keras.Input((7,)), keras.layers.Dense(4)])
    with pytest.raises(ValueError, match=r"shape=\(2, 3\)"):
        _agent(policy, observation_space=OBSERVATION)


def test_observation_space_cannot_be_changed():
    agent = make_agent(DISCRETE)
    other = spaces.Box(-1, 1, (3,))
    with pytest.raises(
        ValueError, match="the space that the agent was built"
    ) as error:
        agent.build_for(other)
    assert f"Received: observation_space={other}" in str(error.value)


# act


def test_agent_goes_on_after_a_bad_observation():
    agent = make_agent(DISCRETE)
    for observation in (np.zeros(2, np.float32), [0.0, NAN, 0.0]):
        with pytest.raises(ValueError, match="Received: "):
            agent.act(observation)
    assert agent.act([0, 1, 2]) in DISCRETE.to_gymnasium()


def test_integers_of_numpy_and_python_are_observations():
    agent = bad_inputs.counting_agent()
    assert agent.act(1) in DISCRETE.to_gymnasium()
    assert agent.act(np.int64(-2)) in DISCRETE.to_gymnasium()


@pytest.mark.parametrize(
    ("call", "name"),
    [
        (lambda: cem.callbacks.Checkpoint("x", every=None), "every"),
        (lambda: cem.callbacks.Checkpoint("x", keep=None), "keep"),
        (lambda: cem.callbacks.ReturnsLogger("x", max_stages=None), "max_stag"),
        (lambda: cem.callbacks.PolicyLogger("x", max_stages=None), "max_stag"),
        (lambda: cem.callbacks.RecordVideo("x", "y", every=None), "every"),
        (lambda: cem.callbacks.RecordVideo("x", "y", episodes=None), "episod"),
        (lambda: bad_inputs._fit(epochs=None), "epochs"),
        (lambda: bad_inputs._fit(initial_epoch=None), "initial_epoch"),
        (lambda: bad_inputs._collect(batch_size=None), "batch_size"),
    ],
)
def test_none_is_refused_where_a_number_is_needed(call, name):
    with pytest.raises(TypeError, match=f"`{name}.* must be a number.*=None"):
        call()


# compile


@pytest.mark.parametrize("verb", ["fit", "evaluate"])
def test_environment_before_compile_is_refused(verb):
    with pytest.raises(ValueError, match=f"`{verb}` needs `compile` first"):
        getattr(_agent(), verb)("CartPole-v1")


def test_arrays_before_compile_are_refused_by_keras():
    x, y = np.zeros((2, 3), np.float32), np.full(2, 2)
    with pytest.raises(ValueError, match=re.escape("compile()")):
        _agent().fit(x, y)


def test_loss_of_compile_is_refused_for_discrete_actions():
    agent = make_agent(DISCRETE)
    agent.compile("sgd", loss="mse")
    with pytest.raises(
        ValueError, match="`loss` of `compile` must be"
    ) as error:
        agent.fit("CartPole-v1")
    assert "Received: loss='mse'" in str(error.value)


def test_another_backend_of_keras_is_refused(monkeypatch):
    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")
    source = os.path.join(os.path.dirname(cem.__file__), "__init__.py")
    with open(source, encoding="utf-8") as file:
        program = compile(file.read(), source, "exec")
    with pytest.raises(ImportError, match="KERAS_BACKEND='jax'") as error:
        exec(program, {"__name__": "keras_cem"})  # noqa: S102
    assert "Set KERAS_BACKEND=tensorflow" in str(error.value)
