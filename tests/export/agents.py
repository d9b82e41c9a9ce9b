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
    "multi_discrete": spaces.MultiDiscrete([3, 2, 4], start=1),
    "multi_binary": spaces.MultiBinary((2, 3)),
    "dict": spaces.Dict(
        {
            "lidar": spaces.Box(0.0, 9.0, (4,)),
            "state": spaces.Tuple(
                [spaces.Discrete(3), spaces.Box(-1.0, 1.0, (2,), "float64")]
            ),
        }
    ),
}
ACTION_SPACES = {
    "discrete": DISCRETE,
    "box": BOX,
    "float64_box": spaces.Box([-0.1, 0.0], [0.1, 6.0], dtype="float64"),
    "multi_discrete": spaces.MultiDiscrete([3, 2], start=[-1, 5]),
    "multi_binary": spaces.MultiBinary(3),
    "dict": spaces.Dict(
        {
            "arm": spaces.Tuple([BOX, spaces.Discrete(3)]),
            "gripper": spaces.MultiBinary(2),
        }
    ),
}
# Each space once at least.
PAIRS = [
    ("float32", "discrete"),
    ("float64", "float64_box"),
    ("uint8", "box"),
    ("int32", "multi_discrete"),
    ("discrete", "discrete"),
    ("multi_discrete", "multi_binary"),
    ("multi_binary", "box"),
    ("dict", "dict"),
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
    space = OBSERVATION_SPACES[observed]
    drawn = space.to_gymnasium()
    drawn.seed(0)
    samples = [space.flatten(drawn.sample()) for _ in range(rows)]
    return [np.stack(leaves) for leaves in zip(*samples, strict=True)]


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
    outputs = agent.predict(space.pack(leaves), verbose=0)
    greedy = agent.head.greedy(outputs)
    for number in range(20):
        acted = agent.act(space.pack([leaf[number] for leaf in leaves]))
        for one, batch in zip(
            tf.nest.flatten(acted), tf.nest.flatten(greedy), strict=True
        ):
            np.testing.assert_allclose(one, batch[number], atol=atol)
    names = zip(
        agent.action_space.leaves,
        agent.action_space.name_leaves("actions", prefix=True),
        agent.action_space.name_leaves("logits", prefix=True),
        agent.head.parts(outputs),
        agent.action_space.flatten(greedy),
        strict=True,
    )
    expected = set()
    for leaf, actions_name, logits_name, logits, actions in names:
        expected |= {actions_name, logits_name}
        _assert_leaf(
            leaf,
            found[actions_name],
            found[logits_name],
            actions.numpy(),
            logits,
            atol,
        )
    assert set(found) == expected
    one = run({name: leaf[:1] for name, leaf in inputs.items()})
    for name in expected:
        np.testing.assert_allclose(one[name], found[name][:1], atol=atol)


def _assert_leaf(leaf, found_actions, found_logits, actions, logits, atol):
    assert found_logits.shape == logits.shape
    np.testing.assert_allclose(found_logits, logits, rtol=0, atol=atol)
    assert found_actions.shape == actions.shape
    assert found_actions.dtype == leaf.dtype
    assert len(np.unique(actions)) > 1
    if isinstance(leaf, spaces.Box):
        np.testing.assert_allclose(found_actions, actions, rtol=0, atol=atol)
        return
    tied = _margin(leaf, logits) <= 2 * atol
    assert np.mean(tied) < 0.01
    np.testing.assert_array_equal(found_actions[~tied], actions[~tied])


def _margin(leaf, logits):
    """By how much an action is best, for each number of `actions`."""
    if isinstance(leaf, spaces.MultiBinary):
        return np.abs(logits)
    parts = [logits]
    if isinstance(leaf, spaces.MultiDiscrete):
        parts = np.split(logits, np.cumsum(leaf.nvec)[:-1], axis=-1)
    best = [np.sort(part, axis=-1) for part in parts]
    margins = np.stack([part[..., -1] - part[..., -2] for part in best], -1)
    return margins if isinstance(leaf, spaces.MultiDiscrete) else margins[:, 0]


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
        ValueError, match=f"operations that {title} supports"
    ) as error:
        agent.export(path, format=format)
    assert f"Received: policy={policy.name!r}. " in str(error.value)
    assert "Betainc" in str(error.value)
    assert sorted(path.parent.rglob("*")) == before
