"""Agents of each kind of space, and what an export of theirs must do."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_cem as cem
from keras_cem import spaces
from tests import helpers
from tests.helpers import BOX, DISCRETE

OBSERVATION_SPACES = {
    "float32": spaces.Box(-np.inf, np.inf, (3,)),
    "float64": spaces.Box(-1.0, 1.0, (2, 2), "float64"),
    "uint8": spaces.Box(0, 255, (4,), "uint8"),
    "int32": spaces.Box(-9, 9, (2, 2), "int32"),
    "discrete": spaces.Discrete(5, start=-1),
}
ACTION_SPACES = {
    "discrete": DISCRETE,
    "box": BOX,
    "float64_box": spaces.Box([-0.1, 0.0], [0.1, 6.0], dtype="float64"),
}
# Each space once at least.
PAIRS = [
    ("float32", "discrete"),
    ("float64", "float64_box"),
    ("uint8", "box"),
    ("int32", "discrete"),
    ("discrete", "discrete"),
]


def make_agent(observed, acted):
    """An agent for two of the spaces above, as its seeds made it."""
    observation_space = OBSERVATION_SPACES[observed]
    action_space = ACTION_SPACES[acted]
    return cem.CEMAgent(
        cem.networks.default_policy(
            observation_space,
            action_space,
            hidden_units=(8,),
            activation="tanh",  # relu of few units may leave all logits 0
            seed=1,
        ),
        action_space,
        observation_space=observation_space,
        seed=0,
    )


def draw_leaves(observed, rows):
    """A batch of observations, array by array."""
    generator = np.random.default_rng(0)
    drawn = []
    for leaf in OBSERVATION_SPACES[observed].leaves:
        if isinstance(leaf, spaces.Discrete):
            values = generator.integers(leaf.start, leaf.start + leaf.n, rows)
        else:
            least = 0 if leaf.dtype.kind == "u" else -10
            values = generator.uniform(least, 10, size=(rows, *leaf.shape))
        drawn.append(values.astype(leaf.dtype))
    return drawn


def assert_acts_as(agent, observed, run, *, atol, rows=1000):
    """Asserts that an export agrees with its agent, for two batch sizes.

    Args:
        agent: The agent.
        observed: Name of its observation space.
        run: From the arrays of a batch by name to those of the outputs.
        atol: How far a logit may be off. Actions must be equal, but where the
            two best logits are that close.
        rows: Number of observations.
    """
    space = agent.observation_space
    leaves = draw_leaves(observed, rows)
    inputs = dict(zip(space.leaf_names, leaves, strict=True))
    found = run(inputs)
    assert set(found) == {"actions", "logits"}
    expected = agent.predict(space.pack(leaves), verbose=0)
    assert found["logits"].shape == expected.shape
    np.testing.assert_allclose(found["logits"], expected, rtol=0, atol=atol)
    actions = np.stack(
        [agent.act(space.pack(row)) for row in zip(*leaves, strict=True)]
    )
    assert found["actions"].dtype == agent.action_space.dtype
    if isinstance(agent.action_space, spaces.Box):
        np.testing.assert_allclose(found["actions"], actions, rtol=0, atol=atol)
    else:
        best = np.sort(expected, axis=-1)
        tied = best[:, -1] - best[:, -2] <= 2 * atol
        assert np.mean(tied) < 0.01
        np.testing.assert_array_equal(found["actions"][~tied], actions[~tied])
        assert len(np.unique(actions)) > 1
    one = run({name: leaf[:1] for name, leaf in inputs.items()})
    np.testing.assert_allclose(
        one["logits"], found["logits"][:1], rtol=0, atol=atol
    )
    np.testing.assert_allclose(one["actions"], found["actions"][:1], atol=atol)


class Beta(keras.layers.Layer):
    """An operation that no format but TensorFlow's own has."""

    def call(self, inputs):
        return tf.math.betainc(1.0, 1.0, tf.sigmoid(inputs))


def assert_refuses_an_unknown_operation(format, title, path):
    """Asserts that an export is refused by name and leaves what was there."""
    policy = keras.Sequential(
        [keras.Input((3,)), keras.layers.Dense(4), Beta(name="beta")]
    )
    before = sorted(path.parent.rglob("*"))
    agent = helpers.make_agent(DISCRETE, policy)
    with pytest.raises(
        ValueError, match=f"operations that {title} ha"
    ) as error:
        agent.export(path, format=format)
    assert f"Received: policy={policy.name!r}. " in str(error.value)
    assert "Betainc" in str(error.value)
    assert sorted(path.parent.rglob("*")) == before
