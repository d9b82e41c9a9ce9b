import math

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_cem import activations

# Before, around and after the kinks at 0. None of them is 0 itself, where the
# derivatives of the step, of ReLU and of PReLU are a matter of choice.
POINTS = np.array([-30.0, -2.0, -0.5, -1e-3, 1e-3, 0.5, 2.0, 30.0])
ALPHA = 0.25


def _logistic(x):
    return 1.0 / (1.0 + np.exp(-x))


# name: (f, f'), as in the lecture's table.
LECTURE = {
    "identity": (lambda x: x, np.ones_like),
    "binary_step": (lambda x: np.where(x < 0, 0.0, 1.0), np.zeros_like),
    "logistic": (_logistic, lambda x: _logistic(x) * (1 - _logistic(x))),
    "tanh": (
        lambda x: 2 / (1 + np.exp(-2 * x)) - 1,
        lambda x: 1 - (2 / (1 + np.exp(-2 * x)) - 1) ** 2,
    ),
    "arctan": (np.arctan, lambda x: 1 / (x**2 + 1)),
    "relu": (
        lambda x: np.where(x < 0, 0.0, x),
        lambda x: np.where(x < 0, 0.0, 1.0),
    ),
    "prelu": (
        lambda x: np.where(x < 0, ALPHA * x, x),
        lambda x: np.where(x < 0, ALPHA, 1.0),
    ),
    "elu": (
        lambda x: np.where(x < 0, np.exp(x) - 1, x),
        lambda x: np.where(x < 0, np.exp(x) - 1 + 1, 1.0),
    ),
    "softplus": (lambda x: np.log(1 + np.exp(x)), _logistic),
}


@pytest.fixture
def float64():
    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy("float64")
    yield
    keras.config.set_dtype_policy(policy)


def _value_and_derivative(function, points):
    x = tf.constant(points[np.newaxis])
    with tf.GradientTape() as tape:
        tape.watch(x)
        outputs = function(x)
    return outputs[0].numpy(), tape.gradient(outputs, x)[0].numpy()


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("name", LECTURE)
def test_activation_follows_the_lectures_table(name):
    value, derivative = LECTURE[name]
    outputs, gradient = _value_and_derivative(activations.get(name), POINTS)
    np.testing.assert_allclose(outputs, value(POINTS), rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(
        gradient, derivative(POINTS), rtol=1e-9, atol=1e-12
    )


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("name", LECTURE)
def test_derivative_is_the_limit_of_finite_differences(name):
    function = activations.get(name)
    step = 1e-6
    difference = (
        function(tf.constant(POINTS[np.newaxis] + step))
        - function(tf.constant(POINTS[np.newaxis] - step))
    ) / (2 * step)
    _, gradient = _value_and_derivative(function, POINTS)
    np.testing.assert_allclose(gradient, difference[0], rtol=1e-3, atol=1e-8)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
@pytest.mark.parametrize("name", ["arctan", "binary_step"])
def test_own_activation_keeps_floating_dtype(name, dtype):
    outputs = activations.get(name)(keras.ops.ones((2, 3), dtype))
    assert keras.backend.standardize_dtype(outputs.dtype) == dtype
    assert outputs.shape == (2, 3)


@pytest.mark.parametrize("name", ["arctan", "binary_step"])
def test_own_activation_makes_integers_floating(name):
    outputs = activations.get(name)(tf.constant([0, 1]))
    assert outputs.dtype == tf.float32
    np.testing.assert_allclose(
        outputs, LECTURE[name][0](np.array([0.0, 1.0])), rtol=1e-6
    )


@pytest.mark.parametrize(
    "function", [activations.binary_step, activations.binary_step_surrogate]
)
def test_binary_step_is_one_at_zero_and_keeps_nan(function):
    outputs = function(tf.constant([-math.inf, -0.0, 0.0, math.inf, math.nan]))
    np.testing.assert_array_equal(outputs, [0.0, 1.0, 1.0, 1.0, math.nan])


def test_binary_step_has_zero_derivative_at_zero_too():
    _, gradient = _value_and_derivative(activations.binary_step, np.zeros(1))
    np.testing.assert_array_equal(gradient, [0.0])


def test_binary_step_surrogate_is_a_step_with_the_logistic_derivative():
    outputs, gradient = _value_and_derivative(
        activations.binary_step_surrogate, POINTS
    )
    np.testing.assert_array_equal(outputs, LECTURE["binary_step"][0](POINTS))
    np.testing.assert_allclose(
        gradient, LECTURE["logistic"][1](POINTS), rtol=1e-9, atol=1e-12
    )


@pytest.mark.parametrize(
    "function",
    [
        activations.arctan,
        activations.binary_step,
        activations.binary_step_surrogate,
    ],
)
def test_own_activation_is_the_same_eager_traced_and_compiled(function):
    def value_and_derivative(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            outputs = function(x)
        return outputs, tape.gradient(outputs, x)

    x = tf.constant(POINTS, tf.float32)
    expected = value_and_derivative(x)
    traced = tf.function(value_and_derivative)(x)
    compiled = tf.function(value_and_derivative, jit_compile=True)(x)
    for results in (traced, compiled):
        np.testing.assert_allclose(results[0], expected[0], rtol=1e-6)
        np.testing.assert_allclose(results[1], expected[1], rtol=1e-5)


@pytest.mark.parametrize("name", ["arctan", "binary_step_surrogate"])
def test_own_activation_is_saved_and_loaded(name, tmp_path):
    function = activations.get(name)
    model = keras.Sequential(
        [
            keras.Input((3,)),
            keras.layers.Dense(4, activation=function),
            keras.layers.Activation(function),
        ]
    )
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert loaded.layers[0].activation is function
    assert loaded.layers[1].activation is function
    x = np.linspace(-1.0, 1.0, 6, dtype="float32").reshape(2, 3)
    np.testing.assert_array_equal(model(x), loaded(x))


def test_get_maps_the_lectures_names_to_keras_objects():
    assert activations.get("identity") is keras.activations.linear
    assert activations.get("logistic") is keras.activations.sigmoid
    assert activations.get("tanh") is keras.activations.tanh
    assert activations.get("relu") is keras.activations.relu
    assert activations.get("elu") is keras.activations.elu
    assert activations.get("softplus") is keras.activations.softplus
    assert activations.get("arctan") is activations.arctan
    assert activations.get("binary_step") is activations.binary_step


def test_get_prelu_returns_a_new_layer_with_trained_slopes():
    first, second = activations.get("prelu"), activations.get("prelu")
    assert isinstance(first, keras.layers.PReLU)
    assert first is not second
    first.build((None, 3))
    np.testing.assert_array_equal(first.trainable_weights[0], [ALPHA] * 3)


@pytest.mark.parametrize("name", ["gelu", "leaky_relu", "linear", "swish"])
def test_get_passes_keras_names_through(name):
    assert activations.get(name) is keras.activations.get(name)


def test_get_none_is_the_identity():
    assert activations.get(None) is keras.activations.linear


def test_get_returns_callables_as_they_are():
    layer = keras.layers.LeakyReLU(0.1)
    assert activations.get(layer) is layer
    assert activations.get(np.sin) is np.sin


def test_get_lists_the_names_for_an_unknown_one():
    with pytest.raises(ValueError, match="Received: activation='relo'") as info:
        activations.get("relo")
    for name in [*LECTURE, "binary_step_surrogate", "gelu", "sigmoid"]:
        assert f" {name}," in str(info.value) or f" {name}." in str(info.value)
    assert " get," not in str(info.value)


def test_get_names_the_callers_argument():
    with pytest.raises(ValueError, match="`output_activation` must be one of"):
        activations.get("relo", argument="output_activation")


def test_get_refuses_what_is_not_callable():
    with pytest.raises(TypeError, match=r"activation=3 of type int\."):
        activations.get(3)


def test_get_refuses_a_class():
    with pytest.raises(TypeError, match=r"PReLU'>\. Use `PReLU\(\)`\."):
        activations.get(keras.layers.PReLU)
