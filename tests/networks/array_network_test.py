"""Networks by NumPy compute what their layers do."""

import keras
import numpy as np
import pytest

from keras_cem import heads, networks, spaces
from keras_cem.networks.array_network import MOST_WEIGHTS, array_network
from keras_cem.networks.normalization import NormalizedPolicy

ACTIONS = spaces.Discrete(3)
BOX = spaces.Box(-2.0, 2.0, (4,))
ROWS = 11

SPACES = {
    "box": BOX,
    "double": spaces.Box(-2.0, 2.0, (2, 2), "float64"),
    "scalar": spaces.Box(-1.0, 1.0, ()),
    "bytes": spaces.Box(0, 255, (5,), "uint8"),
    "bits": spaces.MultiBinary((2, 3)),
    "discrete": spaces.Discrete(10, start=3),
    "few": spaces.Discrete(2),
    "multi": spaces.MultiDiscrete([12, 3], start=[0, -2]),
    "dict": spaces.Dict(
        {"z": BOX, "a": spaces.Discrete(9), "m": spaces.MultiBinary(2)}
    ),
    "tuple": spaces.Tuple([BOX]),
}


def sampled(space, rows=ROWS):
    """Random observations, one array per leaf."""
    sampler = space.to_gymnasium()
    sampler.seed(0)
    values = [space.flatten(sampler.sample()) for _ in range(rows)]
    return [
        np.array(leaf, described.dtype)
        for leaf, described in zip(
            zip(*values, strict=True), space.leaves, strict=True
        )
    ]


def made(policy, space, action_space=ACTIONS):
    network = array_network(policy, space, heads.for_space(action_space))
    if network is not None:
        network.read()
    return network


def assert_computes(network, policy, space, leaves, action_space=ACTIONS):
    expected = heads.for_space(action_space).parts(policy(space.pack(leaves)))
    for found, output in zip(network(leaves), expected, strict=True):
        assert found.dtype == np.float32
        np.testing.assert_allclose(found, output, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", SPACES)
@pytest.mark.parametrize("hidden_units", [(), (16, 5)])
def test_outputs_of_the_default_network(name, hidden_units):
    space = SPACES[name]
    policy = networks.default_policy(
        space, ACTIONS, hidden_units=hidden_units, dropout=0.1, seed=0
    )
    network = made(policy, space)
    assert_computes(network, policy, space, sampled(space))


def test_outputs_for_nested_actions():
    actions = spaces.Dict({"b": spaces.Box(0, 4, (2, 2)), "a": ACTIONS})
    policy = networks.default_policy(BOX, actions, seed=0)
    network = made(policy, BOX, actions)
    assert_computes(network, policy, BOX, sampled(BOX), actions)


@pytest.mark.parametrize(
    "activation",
    [
        "identity",
        "logistic",
        "tanh",
        "arctan",
        "relu",
        "elu",
        "softplus",
        "binary_step_surrogate",
    ],
)
@pytest.mark.parametrize("sequential", [False, True])
def test_activations(activation, sequential):
    policy = networks.mlp(
        (4,), 3, activation=activation, bias_initializer="normal", seed=0
    )
    if sequential:
        function = policy.layers[1].activation
        policy = keras.Sequential(
            [
                keras.Input((4,)),
                keras.layers.Dense(6),
                keras.layers.Activation(function),
                keras.layers.Dense(3, use_bias=False),
            ]
        )
    assert_computes(made(policy, BOX), policy, BOX, sampled(BOX))


def test_normalized_observations():
    space = SPACES["dict"]
    policy = NormalizedPolicy(
        networks.default_policy(space, ACTIONS, seed=0), space
    )
    (layer,) = policy.normalizations
    layer.shift.assign([0.5, -0.5, 0.0, 1.0])
    layer.scale.assign([2.0, 1.0, 0.1, 100.0])
    layer.limit.assign(10.0)
    network = made(policy, space)
    assert_computes(network, policy, space, sampled(space))


def test_weights_are_those_of_the_last_read():
    policy = networks.mlp((4,), 3, hidden_units=(), seed=0)
    network, leaves = made(policy, BOX), sampled(BOX)
    before = network(leaves)[0]
    policy.set_weights([2 * weight for weight in policy.get_weights()])
    np.testing.assert_array_equal(network(leaves)[0], before)
    network.read()
    np.testing.assert_array_equal(network(leaves)[0], 2 * before)


@pytest.mark.parametrize("units", [(3,), (64, 33), (250, 251)])
def test_rows_do_not_depend_on_the_others(units):
    """In every bit, whatever their number and their place."""
    policy = networks.mlp((4,), 3, hidden_units=units, seed=0)
    network, (rows,) = made(policy, BOX), sampled(BOX, 67)
    (together,) = network([rows])
    order = np.random.default_rng(0).permutation(67)
    np.testing.assert_array_equal(network([rows[order]])[0], together[order])
    for size in (1, 2, 8, 9):
        part = network([rows[5 : 5 + size]])[0]
        np.testing.assert_array_equal(part, together[5 : 5 + size])


class _Twice(keras.layers.Dense):
    def call(self, inputs, training=None):
        return 2.0 * super().call(inputs)


def test_other_networks_need_tensorflow():
    x = keras.Input((4,))
    image = spaces.Box(0, 255, (36, 36, 3), "uint8")
    own = keras.Model(x, _Twice(3)(x))
    compiled = networks.mlp((4,), 3)
    compiled.compile("adam")
    inner = networks.mlp((4,), 3)
    for policy, space in (
        (own, BOX),
        (compiled, BOX),
        (keras.Model(x, inner(x)), BOX),
        (keras.Model(x, keras.layers.Dense(3, activation="gelu")(x)), BOX),
        (keras.Model(x, keras.layers.BatchNormalization()(x)), BOX),
        (networks.mlp((4,), 3, activation="prelu"), BOX),
        (networks.default_policy(image, ACTIONS), image),
        (networks.mlp((4,), 3), SPACES["double"]),
        (_Twice(3), BOX),
    ):
        assert made(policy, space) is None
    units = MOST_WEIGHTS // 8
    assert made(networks.mlp((4,), 3, hidden_units=(units - 1,)), BOX)
    assert made(networks.mlp((4,), 3, hidden_units=(units,)), BOX) is None
