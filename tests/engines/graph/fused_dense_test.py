"""Small dense layers without matrix products."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_cem import networks, spaces
from keras_cem.engines.graph.fused_dense import fused, product
from keras_cem.networks.normalization import NormalizedPolicy

ROWS = 7
BOX = spaces.Box(-np.inf, np.inf, (4,))
DICT = spaces.Dict({"where": BOX, "what": spaces.Discrete(5)})


def mlp(hidden_units=(128,), **options):
    return networks.mlp((4,), 2, hidden_units=hidden_units, seed=0, **options)


def sequential():
    return keras.Sequential(
        [keras.Input((4,)), keras.layers.Dense(9, "relu"), mlp_of(9)]
    )


def mlp_of(size):
    return networks.mlp((size,), 3, hidden_units=(33,), seed=1)


def shared():
    """One layer twice, a model within, an operation, two outputs."""
    inputs = keras.Input((4,))
    twice = keras.layers.Dense(4, "tanh")
    x = twice(twice(inputs)) + 2.0 * inputs
    inner = mlp()
    return keras.Model(inputs, {"a": inner(x), "b": inner(-x)})


def normalized():
    policy = NormalizedPolicy(mlp(), BOX)
    (layer,) = policy.normalizations
    layer.shift.assign([0.5, -1.0, 0.0, 2.0])
    layer.scale.assign([2.0, 0.1, 1.0, 3.0])
    return policy


def of_dict():
    return networks.default_policy(DICT, spaces.Discrete(2), seed=0)


POLICIES = {
    "linear": lambda: mlp(()),
    "4-128-2": mlp,
    "4-300-2": lambda: mlp((300,)),
    "two layers": lambda: mlp((64, 64), activation="tanh"),
    "batch normalization": lambda: mlp((32,), batch_normalization=True),
    "dropout": lambda: mlp((32,), dropout=0.5),
    "without bias": lambda: keras.Sequential(
        [keras.Input((4,)), keras.layers.Dense(2, use_bias=False)]
    ),
    "sequential": sequential,
    "shared": shared,
    "normalized": normalized,
    "dict": of_dict,
}


def observations(name):
    numbers = np.random.default_rng(0)
    where = tf.constant(numbers.normal(size=(ROWS, 4)), tf.float32)
    what = tf.constant(numbers.integers(0, 5, ROWS), tf.int64)
    return {"where": where, "what": what} if name == "dict" else where


def operations(function, *arguments):
    """Types of the operations that a call consists of."""
    graph = tf.function(function).get_concrete_function(*arguments).graph
    nested = (each.definition for each in graph._functions.values())
    nodes = [*graph.as_graph_def().node]
    for definition in nested:
        nodes += definition.node_def
    return {node.op for node in nodes}


@pytest.mark.parametrize("size", [1, 5, 16, 17, 128, 129, 300])
@pytest.mark.parametrize("outputs", [1, 2, 7, 16])
def test_products_are_numpys(size, outputs):
    numbers = np.random.default_rng(size)
    # Small whole numbers: sums of them are exact in any order.
    x = numbers.integers(-9, 10, (ROWS, size)).astype(np.float32)
    kernel = numbers.integers(-9, 10, (size, outputs)).astype(np.float32)
    found = product(tf.constant(x), tf.constant(kernel))
    np.testing.assert_array_equal(found, x @ kernel)


@pytest.mark.parametrize("name", POLICIES)
@pytest.mark.parametrize("jit_compile", [False, True])
def test_outputs_are_the_policys(name, jit_compile):
    policy, seen = POLICIES[name](), observations(name)
    expected = policy(seen, training=False)
    assert fused(policy) is not policy

    @tf.function(jit_compile=jit_compile)
    def run(seen):
        return fused(policy)(seen, training=False)

    tf.nest.map_structure(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5),
        run(seen),
        expected,
    )


def test_no_matrix_product_is_left_of_small_layers():
    policy, seen = mlp(), observations("4-128-2")
    plain = operations(lambda seen: policy(seen, training=False), seen)
    assert "MatMul" in plain
    without = operations(lambda seen: fused(policy)(seen, training=False), seen)
    assert "MatMul" not in without


def test_large_layers_stay_matrix_products():
    policy, seen = mlp((64, 64)), observations("two layers")
    function = fused(policy)
    assert "MatMul" in operations(lambda seen: function(seen), seen)


def test_new_weights_are_seen_by_what_was_traced():
    policy, seen = mlp(), observations("4-128-2")
    run = tf.function(lambda seen: fused(policy)(seen, training=False))
    before = run(seen).numpy()
    policy.set_weights([-0.5 * w + 0.1 for w in policy.get_weights()])
    after = run(seen).numpy()
    assert np.abs(after - before).min() > 1e-3
    np.testing.assert_allclose(
        after, policy(seen, training=False), rtol=1e-4, atol=1e-5
    )


@pytest.mark.parametrize("name", ["4-128-2", "two layers", "shared"])
def test_gradients_are_the_policys(name):
    policy, seen = POLICIES[name](), observations(name)

    def gradients(function):
        with tf.GradientTape() as tape:
            outputs = tf.nest.flatten(function(seen, training=False))
            loss = tf.add_n([tf.reduce_sum(each**2) for each in outputs])
        return tape.gradient(loss, [w.value for w in policy.weights])

    for found, expected in zip(
        gradients(fused(policy)), gradients(policy), strict=True
    ):
        np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("name", ["4-128-2", "sequential", "shared"])
def test_nothing_of_the_policy_changes(name, tmp_path):
    policy, seen = POLICIES[name](), observations(name)

    def saved(file):
        policy.save(tmp_path / file)
        loaded = keras.models.load_model(tmp_path / file)
        return loaded.get_config(), loaded.get_weights()

    traces = [
        (len(layer._inbound_nodes), len(layer._outbound_nodes))
        for layer in policy.layers
    ]
    config, weights = saved("before.keras")
    fused(policy)(seen, training=False)
    assert traces == [
        (len(layer._inbound_nodes), len(layer._outbound_nodes))
        for layer in policy.layers
    ]
    config_after, weights_after = saved("after.keras")
    assert config_after == config
    for after, before in zip(weights_after, weights, strict=True):
        np.testing.assert_array_equal(after, before)


class Strange(keras.Model):
    def __init__(self):
        inputs = keras.Input((4,))
        super().__init__(inputs, keras.layers.Dense(2)(inputs))

    def call(self, inputs, training=None):
        return 2.0 * super().call(inputs, training=training)


class Subclass(keras.layers.Dense):
    def call(self, inputs, training=None):
        return 3.0 * super().call(inputs, training=training)


def with_last(layer):
    return keras.Sequential([keras.Input((64,)), layer])


def compiled():
    policy = mlp()
    policy.compile("adam", "mse")
    return policy


def with_lora():
    layer = keras.layers.Dense(2)
    model = with_last(layer)
    layer.enable_lora(1)
    return model


def quantized():
    layer = keras.layers.Dense(2)
    model = with_last(layer)
    layer.quantize("int8")
    return model


@pytest.mark.parametrize(
    "make",
    [
        Strange,
        compiled,
        with_lora,
        quantized,
        lambda: with_last(Subclass(2)),
        lambda: with_last(keras.layers.Dense(2, dtype="mixed_float16")),
        lambda: with_last(keras.layers.Dense(17)),
        lambda: keras.Sequential([keras.layers.Dense(2)]),
        lambda: keras.layers.Dense(2),
        lambda: NormalizedPolicy(with_last(keras.layers.Dense(17)), BOX),
        lambda: tf.identity,
    ],
)
def test_others_are_returned_as_they_are(make):
    policy = make()
    assert fused(policy) is policy


def test_another_global_policy_of_dtypes_is_left_alone():
    policy = mlp()
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_float16")
    try:
        assert fused(policy) is policy
    finally:
        keras.config.set_dtype_policy(before)


def test_inputs_of_other_ranks_are_left_to_the_layer():
    inputs = keras.Input((3, 4))
    policy = keras.Model(inputs, keras.layers.Dense(2)(inputs))
    seen = tf.ones((ROWS, 3, 4))
    np.testing.assert_array_equal(
        fused(policy)(seen, training=False), policy(seen, training=False)
    )
