"""Categories are looked up with the results of a multiplication."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_cem as cem
from keras_cem import spaces
from keras_cem.networks.category_lookup import with_lookup
from keras_cem.networks.default import default_policy

DISCRETE = spaces.Discrete(40, start=3)
MULTI = spaces.MultiDiscrete([30, 5, 10], start=[0, -2, 1])
NESTED = spaces.Dict({"a": DISCRETE, "b": spaces.Box(-1, 1, (2,))})


def policy(space, **options):
    keras.utils.set_random_seed(0)
    return default_policy(space, spaces.Discrete(4), seed=0, **options)


def gradients(function, variables, observations):
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(tf.square(function(observations, training=True)))
    return loss, tape.gradient(loss, [each.value for each in variables])


CASES = {
    "discrete": (DISCRETE, np.arange(0, 50)),
    "multi": (MULTI, np.stack([np.arange(12)] * 3, axis=1) - 3),
}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("hidden_units", [(), (16,)])
def test_outputs_and_gradients_are_those_of_a_product(case, hidden_units):
    """Of integers in range and out of range."""
    space, values = CASES[case]
    network = policy(space, hidden_units=hidden_units)
    observations = tf.constant(values, tf.int64)
    function = with_lookup(network)
    assert function is not network
    outputs = function(observations, training=False)
    np.testing.assert_allclose(outputs, network(observations), atol=1e-6)
    if case == "discrete":
        np.testing.assert_array_equal(outputs, network(observations))
    variables = network.trainable_variables
    loss, found = gradients(function, variables, observations)
    expected_loss, expected = gradients(network, variables, observations)
    np.testing.assert_allclose(loss, expected_loss, rtol=1e-6)
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)


def test_nothing_is_multiplied():
    network = policy(DISCRETE, hidden_units=())

    @tf.function
    def run(observations):
        return with_lookup(network)(observations, training=False)

    graph = run.get_concrete_function(tf.zeros(8, tf.int64)).graph
    kinds = {operation.type for operation in graph.get_operations()}
    assert "MatMul" not in kinds
    assert "OneHot" not in kinds


@pytest.mark.parametrize(
    ("space", "options"),
    [
        (spaces.Box(-1, 1, (2,)), {}),
        (spaces.Discrete(4), {}),
        (spaces.MultiDiscrete([2] * 10), {}),
        (DISCRETE, {"embedding": 3}),
    ],
)
def test_network_without_long_one_hot_vectors_stays_itself(space, options):
    network = policy(space, **options)
    assert with_lookup(network) is network


def test_other_callables_stay_themselves():
    assert with_lookup(np.tanh) is np.tanh
    compiled = policy(DISCRETE)
    compiled.compile("sgd")
    assert with_lookup(compiled) is compiled


def test_other_layers_get_one_hot_vectors():
    network = policy(NESTED)
    observations = {
        "a": tf.constant([3, 42, 7], tf.int64),
        "b": tf.ones((3, 2)),
    }
    np.testing.assert_array_equal(
        with_lookup(network)(observations, training=False),
        network(observations),
    )


def test_weights_are_read_at_each_call():
    network = policy(DISCRETE)
    function = with_lookup(network)
    function(tf.constant([5], tf.int64))
    network.set_weights([weight + 1.0 for weight in network.get_weights()])
    np.testing.assert_array_equal(
        function(tf.constant([5], tf.int64)),
        network(tf.constant([5], tf.int64)),
    )


def test_layer_with_another_product_keeps_its_own_call():
    network = policy(DISCRETE, hidden_units=())
    dense = next(
        layer
        for layer in network.layers
        if isinstance(layer, keras.layers.Dense)
    )
    function = with_lookup(network)
    dense.enable_lora(2)
    np.testing.assert_array_equal(
        function(tf.constant([5, 9], tf.int64)),
        network(tf.constant([5, 9], tf.int64)),
    )


def test_agent_looks_up_and_saves_the_network_as_it_is(tmp_path):
    agent = cem.CEMAgent(
        policy(DISCRETE), spaces.Discrete(4), observation_space=DISCRETE
    )
    names = [weight.path for weight in agent.policy.weights]
    outputs = agent(tf.constant([3, 42], tf.int64))
    agent.save(tmp_path / "agent.keras")
    loaded = keras.saving.load_model(tmp_path / "agent.keras")
    assert [weight.path for weight in loaded.policy.weights] == names
    kinds = [type(layer).__name__ for layer in loaded.policy.layers]
    assert kinds == ["InputLayer", "OneHot", "Dense", "Dense"]
    np.testing.assert_array_equal(
        loaded(tf.constant([3, 42], tf.int64)), outputs
    )
