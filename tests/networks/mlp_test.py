import math

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_cem import activations
from keras_cem.networks import mlp
from keras_cem.networks.mlp import hidden_stack

TRAINED = [
    "identity",
    "logistic",
    "tanh",
    "arctan",
    "relu",
    "prelu",
    "elu",
    "softplus",
]


def _observations(*shape, dtype="float32", seed=1):
    return np.random.default_rng(seed).normal(size=shape).astype(dtype)


def _kernels(model):
    return [
        layer.kernel.numpy()
        for layer in model.layers
        if isinstance(layer, keras.layers.Dense)
    ]


@pytest.fixture
def float64():
    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy("float64")
    yield
    keras.config.set_dtype_policy(policy)


# Values


@pytest.mark.usefixtures("float64")
def test_outputs_are_the_lectures_formula():
    """F_j = f_out(b_j + sum_k w_jk f(c_k + sum_i v_ki x_i)), theta in R^20."""
    model = mlp(
        (3,),
        2,
        hidden_units=(3,),
        activation="tanh",
        output_activation="logistic",
        bias_initializer="random_normal",
        seed=3,
        input_dtype="float64",
    )
    v, c, w, b = model.get_weights()
    x = _observations(5, 3, dtype="float64")
    expected = np.zeros((5, 2))
    for row in range(5):
        for j in range(2):
            z = b[j]
            for k in range(3):
                hidden = c[k] + sum(v[i, k] * x[row, i] for i in range(3))
                z += w[k, j] * math.tanh(hidden)
            expected[row, j] = 1 / (1 + math.exp(-z))
    assert model.count_params() == 20
    np.testing.assert_allclose(model(x), expected, rtol=1e-12)


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("name", TRAINED)
def test_backpropagation_agrees_with_finite_differences(name):
    """Loss = sum_i ||F(X_i) - Y_i||^2, every weight moved both ways."""
    model = mlp(
        (3,),
        2,
        hidden_units=(3, 4),
        activation=name,
        output_activation=name,
        bias_initializer="random_normal",
        seed=1,
        input_dtype="float64",
    )
    x = tf.constant(_observations(7, 3, dtype="float64"))
    y = tf.constant(_observations(7, 2, dtype="float64", seed=2))

    @tf.function
    def loss():
        return tf.reduce_sum((model(x) - y) ** 2)

    with tf.GradientTape() as tape:
        value = loss()
    variables = [weight.value for weight in model.trainable_weights]
    gradients = tape.gradient(value, variables)

    step = 1e-6
    for weight, gradient in zip(
        model.trainable_weights, gradients, strict=True
    ):
        start = weight.numpy()
        for index in np.ndindex(start.shape):
            values = []
            for sign in (1, -1):
                moved = start.copy()
                moved[index] += sign * step
                weight.assign(moved)
                values.append(loss().numpy())
            weight.assign(start)
            difference = (values[0] - values[1]) / (2 * step)
            assert gradient.numpy()[index] == pytest.approx(
                difference, rel=1e-3, abs=1e-7
            )


def test_surrogate_trains_the_layer_before_it():
    model = mlp(
        (2,), 1, hidden_units=(8,), activation="binary_step_surrogate", seed=0
    )
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(model(_observations(4, 2)) ** 2)
    gradient = tape.gradient(loss, model.layers[1].kernel.value)
    assert np.count_nonzero(gradient) > 0


def test_prelu_has_slopes_of_its_own_in_each_layer():
    model = mlp((2,), 2, hidden_units=(3, 5), activation="prelu")
    slopes = [
        layer.alpha.shape
        for layer in model.layers
        if isinstance(layer, keras.layers.PReLU)
    ]
    assert slopes == [(3,), (5,)]


def test_activation_layer_is_copied_for_each_hidden_layer():
    model = mlp(
        (2,), 2, hidden_units=(3, 5), activation=keras.layers.LeakyReLU(0.125)
    )
    copies = [
        layer
        for layer in model.layers
        if isinstance(layer, keras.layers.LeakyReLU)
    ]
    assert [layer.negative_slope for layer in copies] == [0.125, 0.125]
    assert copies[0] is not copies[1]


def test_default_is_one_hidden_layer_of_128_relus():
    model = mlp((4,), 2)
    assert [layer.name for layer in model.layers] == [
        "observations",
        "hidden_1",
        "outputs",
    ]
    assert model.name == "policy"
    assert model.get_layer("hidden_1").units == 128
    assert model.get_layer("hidden_1").activation is keras.activations.relu
    assert model.get_layer("outputs").activation is keras.activations.linear


def test_no_hidden_units_gives_a_linear_model():
    model = mlp((3,), 2, hidden_units=())
    x = _observations(4, 3)
    kernel, bias = model.get_weights()
    np.testing.assert_allclose(model(x), x @ kernel + bias, rtol=1e-5)


# Shapes and dtypes


@pytest.mark.parametrize("input_shape", [(), (1,), (4,), (2, 3), (2, 3, 4)])
@pytest.mark.parametrize("output_shape", [(), (1,), (3,), (2, 3)])
def test_shapes_follow_the_arguments(input_shape, output_shape):
    model = mlp(input_shape, output_shape, hidden_units=(3,))
    assert model.input_shape == (None, *input_shape)
    assert model.output_shape == (None, *output_shape)
    for batch_size in (1, 5):
        outputs = model(_observations(batch_size, *input_shape))
        assert outputs.shape == (batch_size, *output_shape)


def test_int_stands_for_a_shape_of_rank_one():
    model = mlp(np.int64(4), np.int64(2))
    assert model.input_shape == (None, 4)
    assert model.output_shape == (None, 2)


@pytest.mark.parametrize("dtype", ["uint8", "int64", "bool", "float64"])
def test_input_dtype_is_read_as_numbers(dtype):
    model = mlp((3,), 2, input_dtype=dtype, seed=0)
    reference = mlp((3,), 2, seed=0)
    x = np.array([[0, 1, 1], [1, 0, 1]])
    assert model.inputs[0].dtype == dtype
    assert model(x.astype(dtype)).dtype == tf.float32
    np.testing.assert_array_equal(
        model(x.astype(dtype)), reference(x.astype("float32"))
    )


def test_input_and_model_have_the_names_given():
    model = mlp((3,), 2, input_name="board", name="player")
    assert model.inputs[0].name == "board"
    assert model.name == "player"


def test_hidden_stacks_of_two_names_meet_in_one_model():
    inputs = [keras.Input((2, 2), name="a"), keras.Input((), name="b")]
    branches = [
        hidden_stack(x, hidden_units=(4, 4), seed=0, name=x.name)
        for x in inputs
    ]
    model = keras.Model(inputs, keras.layers.concatenate(branches))
    assert model.output_shape == (None, 8)
    second = [model.get_layer(f"{name}_2").kernel.numpy() for name in "ab"]
    assert not np.array_equal(*second)


# Seeds


@pytest.mark.parametrize(
    "initializer",
    ["glorot_uniform", "orthogonal", keras.initializers.RandomNormal(seed=7)],
)
def test_same_seed_gives_the_same_weights(initializer):
    models = [
        mlp(
            (4,),
            2,
            hidden_units=(8, 8, 8),
            kernel_initializer=initializer,
            bias_initializer="random_normal",
            seed=seed,
        )
        for seed in (0, 0, 1)
    ]
    weights = [model.get_weights() for model in models]
    for first, second, other in zip(*weights, strict=True):
        np.testing.assert_array_equal(first, second)
        assert not np.array_equal(first, other)


@pytest.mark.parametrize("seed", [0, None])
@pytest.mark.parametrize(
    "initializer",
    ["he_normal", keras.initializers.HeNormal(seed=7)],
    ids=["name", "seeded"],
)
def test_layers_of_one_shape_start_different(initializer, seed):
    model = mlp(
        (4,), 4, hidden_units=(4,), kernel_initializer=initializer, seed=seed
    )
    assert not np.array_equal(*_kernels(model))


def test_initializer_with_a_seed_keeps_it_when_mlp_has_none():
    initializer = keras.initializers.HeNormal(seed=7)
    models = [mlp((4,), 2, kernel_initializer=initializer) for _ in range(2)]
    for first, second in zip(*map(_kernels, models), strict=True):
        np.testing.assert_array_equal(first, second)


def test_without_a_seed_keras_decides():
    keras.utils.set_random_seed(5)
    first = mlp((4,), 2, dropout=0.5)
    second = mlp((4,), 2, dropout=0.5)
    keras.utils.set_random_seed(5)
    again = mlp((4,), 2, dropout=0.5)
    x = _observations(8, 4)
    assert not np.array_equal(first(x), second(x))
    np.testing.assert_array_equal(
        first(x, training=True), again(x, training=True)
    )


def test_initializer_without_randomness_stands():
    model = mlp(
        (4,), 2, kernel_initializer="ones", bias_initializer="zeros", seed=0
    )
    for kernel in _kernels(model):
        np.testing.assert_array_equal(kernel, np.ones_like(kernel))


def test_initializer_may_be_a_function():
    model = mlp(
        (4,),
        2,
        kernel_initializer=lambda shape, dtype=None: tf.fill(shape, 0.5),
        seed=0,
    )
    for kernel in _kernels(model):
        np.testing.assert_array_equal(kernel, np.full_like(kernel, 0.5))


# Regularisation


def test_l1_and_l2_are_summed_over_all_kernels():
    model = mlp(
        (2,),
        1,
        hidden_units=(2,),
        l1=0.5,
        l2=0.25,
        bias_initializer="ones",
    )
    model.get_layer("hidden_1").set_weights(
        [np.array([[1.0, -2.0], [0.0, 3.0]]), np.array([9.0, 9.0])]
    )
    model.get_layer("outputs").set_weights(
        [np.array([[-1.0], [2.0]]), np.array([9.0])]
    )
    # sum |w| = 6 + 3, sum w^2 = 14 + 5; biases do not count.
    expected = 0.5 * (6 + 3) + 0.25 * (14 + 5)
    assert float(sum(model.losses)) == pytest.approx(expected)


def test_no_regularizer_means_no_losses():
    assert mlp((2,), 1).losses == []


def test_dropout_acts_only_in_training():
    model = mlp(
        (4,),
        3,
        hidden_units=(1000,),
        activation=None,
        kernel_initializer="ones",
        dropout=0.25,
        seed=0,
    )
    x = np.full((1, 4), 0.25, "float32")
    # Every hidden output is 1; kept ones are divided by 0.75.
    np.testing.assert_array_equal(model(x), [[1000.0] * 3])
    np.testing.assert_array_equal(model(x, training=False), [[1000.0] * 3])
    kept = model(x, training=True).numpy()[0] * 0.75
    assert kept[0] == pytest.approx(round(kept[0]), abs=0.1)
    # Six standard deviations of a binomial of 1000 draws at 0.75: 82.
    assert 668 < kept[0] < 832


def test_dropout_rate_zero_adds_no_layer():
    assert len(mlp((4,), 2, dropout=0).layers) == 3


def test_dropout_masks_differ_between_calls_layers_rows_and_seeds():
    layers = ("hidden_1_dropout", "hidden_2_dropout")
    models = [
        mlp((4,), 2, hidden_units=(64, 64), dropout=0.5, seed=seed)
        for seed in (0, 1)
    ]
    ones = tf.ones((2, 64))
    masks = [
        model.get_layer(name)(ones, training=True).numpy()
        for model in models
        for name in layers
        for _ in range(2)
    ]
    rows = {row.tobytes() for mask in masks for row in mask}
    assert len(rows) == 2 * len(masks)


def test_dropout_passes_gradients_to_the_units_kept():
    layer = mlp((4,), 2, dropout=0.5, seed=0).get_layer("hidden_1_dropout")
    x = tf.ones((2, 128))
    with tf.GradientTape() as tape:
        tape.watch(x)
        outputs = layer(x, training=True)
    np.testing.assert_array_equal(tape.gradient(outputs, x), outputs)


def test_dropout_is_the_same_eager_traced_and_compiled():
    def train(model, x):
        return model(x, training=True)

    x = tf.constant(_observations(16, 4))
    results = []
    for wrap in (
        lambda f: f,
        tf.function,
        lambda f: tf.function(f, jit_compile=True),
    ):
        model = mlp((4,), 2, dropout=0.5, seed=0)
        step = wrap(lambda x, model=model: train(model, x))
        results.append([step(x).numpy() for _ in range(3)])
    np.testing.assert_allclose(results[1], results[0], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(results[2], results[0], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("how", ["model", "weights"])
def test_dropout_goes_on_after_a_reload(how, tmp_path):
    model = mlp((4,), 2, dropout=0.5, seed=0)
    x = _observations(16, 4)
    for _ in range(3):
        model(x, training=True)
    if how == "model":
        model.save(tmp_path / "model.keras")
        loaded = keras.saving.load_model(tmp_path / "model.keras")
    else:
        model.save_weights(tmp_path / "model.weights.h5")
        loaded = mlp((4,), 2, dropout=0.5, seed=0)
        loaded.load_weights(tmp_path / "model.weights.h5")
    for _ in range(2):
        np.testing.assert_array_equal(
            model(x, training=True), loaded(x, training=True)
        )


def test_batch_normalization_uses_the_batch_only_in_training():
    model = mlp(
        (4,), 2, hidden_units=(3,), activation=None, batch_normalization=True
    )
    hidden = keras.Model(
        model.input, model.get_layer("hidden_1_batch_normalization").output
    )
    x = 5 + 2 * _observations(256, 4)
    # Untrained, the running averages are 0 and 1, with Keras' epsilon.
    linear = x @ _kernels(model)[0]
    np.testing.assert_allclose(
        hidden(x), linear / np.sqrt(1 + 1e-3), rtol=1e-4, atol=1e-5
    )
    outputs = hidden(x, training=True).numpy()
    np.testing.assert_allclose(outputs.mean(axis=0), 0.0, atol=1e-4)
    np.testing.assert_allclose(outputs.std(axis=0), 1.0, rtol=1e-2)
    # One update with momentum 0.9.
    normalization = model.get_layer("hidden_1_batch_normalization")
    np.testing.assert_allclose(
        normalization.moving_mean, 0.1 * linear.mean(axis=0), rtol=1e-4
    )


def test_batch_normalization_stands_before_the_activation():
    model = mlp((4,), 2, hidden_units=(3,), batch_normalization=True)
    assert [layer.name for layer in model.layers[1:]] == [
        "hidden_1",
        "hidden_1_batch_normalization",
        "hidden_1_activation",
        "outputs",
    ]


def test_batch_normalization_offset_takes_the_place_of_the_bias():
    model = mlp(
        (4,),
        2,
        hidden_units=(3,),
        batch_normalization=True,
        bias_initializer="ones",
    )
    assert not model.get_layer("hidden_1").use_bias
    normalization = model.get_layer("hidden_1_batch_normalization")
    np.testing.assert_array_equal(normalization.beta, np.ones(3))


# Saving, compiling, training


@pytest.mark.slow
@pytest.mark.parametrize("name", [*TRAINED, "binary_step_surrogate", "gelu"])
def test_model_is_the_same_reloaded_compiled_and_exported(name, tmp_path):
    model = mlp(
        (2, 2),
        (2, 3),
        hidden_units=(8, 8),
        activation=name,
        output_activation=name,
        batch_normalization=True,
        dropout=0.5,
        l1=0.1,
        seed=0,
    )
    x = _observations(6, 2, 2)
    model(x, training=True)
    expected = model(x).numpy()

    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(loaded(x), expected)
    assert float(sum(loaded.losses)) == float(sum(model.losses))

    compiled = tf.function(lambda x: loaded(x), jit_compile=True)
    np.testing.assert_allclose(compiled(x), expected, rtol=1e-5, atol=1e-6)

    loaded.export(tmp_path / "exported", verbose=False)
    exported = tf.saved_model.load(tmp_path / "exported")
    np.testing.assert_allclose(
        exported.serve(x[:2]), expected[:2], rtol=1e-5, atol=1e-6
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("optimizer", "loss", "mode"),
    [
        ("sgd", "mse", {"run_eagerly": True}),
        ("adam", "mae", {"jit_compile": True}),
        ("adadelta", "huber", {"jit_compile": False}),
    ],
)
def test_model_trains_with_plain_fit(optimizer, loss, mode):
    model = mlp(
        (2,),
        1,
        hidden_units=(8,),
        activation="arctan",
        dropout=0.1,
        batch_normalization=True,
        l2=1e-4,
        seed=0,
    )
    before = _kernels(model)
    model.compile(optimizer, loss, **mode)
    x = _observations(32, 2)
    history = model.fit(x, x[:, :1], epochs=2, verbose=0)
    assert np.isfinite(history.history["loss"]).all()
    for old, new in zip(before, _kernels(model), strict=True):
        assert not np.array_equal(old, new)


# Refusals


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"hidden_units": (8, 0)},
            r"`hidden_units` must be at least 1\. "
            r"Received: hidden_units=\(8, 0\)\.",
        ),
        ({"hidden_units": [-1]}, r"Received: hidden_units=\[-1\]\."),
        ({"input_shape": (0,)}, r"`input_shape` .* input_shape=\(0,\)\."),
        ({"output_shape": -2}, r"`output_shape` .* output_shape=-2\."),
        (
            {"dropout": 1.0},
            r"`dropout` must be in \[0, 1\.0\)\. Received: dropout=1\.0\.",
        ),
        ({"dropout": -0.1}, r"Received: dropout=-0\.1\."),
        ({"dropout": math.nan}, r"Received: dropout=nan\."),
        (
            {"l1": -1.0},
            r"`l1` must be in \[0, inf\)\. Received: l1=-1\.0\.",
        ),
        ({"l2": math.inf}, r"`l2` must be .* Received: l2=inf\."),
        (
            {"activation": "relo"},
            r"`activation` must be one of identity, .* "
            r"Received: activation='relo'\.",
        ),
        (
            {"output_activation": "relo"},
            r"`output_activation` must be .* output_activation='relo'\.",
        ),
        (
            {"activation": "binary_step"},
            r"`activation` must have a derivative other than 0\. "
            r"Received: activation='binary_step'\. .* is 0, .*"
            r"'binary_step_surrogate'",
        ),
        (
            {"activation": activations.binary_step},
            r"Received: activation=<function binary_step",
        ),
        (
            {"activation": keras.layers.Activation(activations.binary_step)},
            r"`activation` must have a derivative other than 0\.",
        ),
        (
            {"output_activation": "binary_step"},
            r"Received: output_activation='binary_step'\.",
        ),
        (
            {"kernel_initializer": "glorot"},
            r"`kernel_initializer` must be a Keras initializer or the name "
            r"of one\. Received: kernel_initializer='glorot'\.",
        ),
        ({"bias_initializer": None}, r"Received: bias_initializer=None\."),
        ({"seed": -1}, r"`seed` must be at least 0\. Received: seed=-1\."),
        (
            {"input_dtype": "string"},
            r"`input_dtype` must be .* Received: input_dtype='string'\.",
        ),
        ({"input_dtype": "flaot"}, r"Received: input_dtype='flaot'\."),
        ({"input_dtype": "complex64"}, r"input_dtype='complex64'\."),
    ],
)
def test_bad_value_is_refused_and_shown(arguments, message):
    with pytest.raises(ValueError, match=message):
        mlp(**{"input_shape": (4,), "output_shape": 2, **arguments})


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"hidden_units": 128},
            r"`hidden_units` must be a tuple of ints, such as \(128,\) for one "
            r"layer\. Received: hidden_units=128 of type int\.",
        ),
        ({"hidden_units": "128"}, r"hidden_units='128' of type str\."),
        ({"hidden_units": (8.0,)}, r"hidden_units=\(8\.0,\) of type tuple\."),
        (
            {"input_shape": (None, 4)},
            r"`input_shape` must be an int or a tuple of ints\. "
            r"Received: input_shape=\(None, 4\) of type tuple\.",
        ),
        ({"output_shape": 2.0}, r"output_shape=2\.0 of type float\."),
        (
            {"dropout": "0.5"},
            r"`dropout` must be a number\. "
            r"Received: dropout='0\.5' of type str\.",
        ),
        ({"l1": None}, r"Received: l1=None of type NoneType\."),
        ({"l2": (0.1,)}, r"Received: l2=\(0\.1,\) of type tuple\."),
        ({"activation": 7}, r"Received: activation=7 of type int\."),
        (
            {"seed": 0.5},
            r"`seed` must be an int or None\. "
            r"Received: seed=0\.5 of type float\.",
        ),
    ],
)
def test_bad_kind_is_refused_and_shown(arguments, message):
    with pytest.raises(TypeError, match=message):
        mlp(**{"input_shape": (4,), "output_shape": 2, **arguments})
