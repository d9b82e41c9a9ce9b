import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_cem import spaces
from keras_cem.networks import encoding

IMAGE = spaces.Box(0, 255, (8, 8, 3), "uint8")
KNOBS = {
    "activation": None,
    "kernel_initializer": "glorot_uniform",
    "bias_initializer": "zeros",
    "l1": 0.0,
    "l2": 0.0,
    "batch_normalization": False,
    "seed": 0,
}


def _encoder(space, embedding=None, filters=None):
    inputs = keras.Input(space.shape, dtype=space.dtype.name, name="seen")
    outputs = encoding.encode(
        inputs,
        space,
        embedding=embedding,
        filters=filters,
        name="seen",
        **KNOBS,
    )
    return keras.Model(inputs, outputs)


@pytest.mark.parametrize(
    ("space", "image"),
    [
        (IMAGE, True),
        (spaces.Box(0, 255, (8, 8), "uint8"), True),
        (spaces.Box(0, 255, (128,), "uint8"), False),
        (spaces.Box(0, 255, (2, 8, 8, 3), "uint8"), False),
        (spaces.Box(0, 3, (8, 8, 3), "uint8"), False),
        (spaces.Box(0, 255, (8, 8, 3)), False),
        (spaces.MultiBinary((8, 8, 3)), False),
    ],
    ids=repr,
)
def test_images_are_bytes_of_two_or_three_axes(space, image):
    assert encoding.is_image(space) == image


def test_bytes_are_scaled_to_the_unit_interval():
    encoder = _encoder(spaces.Box(0, 255, (3,), "uint8"))
    outputs = encoder(np.array([[0, 51, 255]], np.uint8))
    np.testing.assert_allclose(outputs, [[0.0, 0.2, 1.0]], rtol=1e-6)


def test_channels_of_an_image_are_kept():
    """As many weights as three channels need, and scaled values."""
    encoder = _encoder(IMAGE, filters=(4,))
    kernel = encoder.get_layer("seen_convolution_1").kernel
    assert kernel.shape == (3, 3, 3, 4)
    black = encoder(np.zeros((1, 8, 8, 3), np.uint8))
    np.testing.assert_array_equal(black, np.zeros((1, 64)))
    white = encoder(np.full((1, 8, 8, 3), 255, np.uint8))
    # Away from the border the sum of the kernel, times one.
    np.testing.assert_allclose(
        white[0, :4], np.sum(kernel, axis=(0, 1, 2)), rtol=1e-4, atol=1e-5
    )


@pytest.mark.parametrize(
    ("shape", "channels"),
    [((8, 8), 1), ((4, 8, 8), 4), ((8, 8, 4), 4), ((3, 8, 2), 2)],
)
def test_channels_stand_last_or_are_few_that_stand_first(shape, channels):
    encoder = _encoder(spaces.Box(0, 255, shape, "uint8"), filters=(4,))
    kernel = encoder.get_layer("seen_convolution_1").kernel
    assert kernel.shape == (3, 3, channels, 4)


@pytest.mark.parametrize(
    "space",
    [
        spaces.Box(-1, 1, (2, 3)),
        spaces.Box(0, 9, (4,), "uint8"),
        spaces.MultiBinary(3),
    ],
    ids=repr,
)
def test_other_numbers_are_left_as_they_are(space):
    inputs = keras.Input(space.shape, dtype=space.dtype.name)
    assert (
        encoding.encode(
            inputs, space, embedding=None, filters=None, name="seen", **KNOBS
        )
        is inputs
    )


@pytest.mark.parametrize(
    ("space", "observations", "rows"),
    [
        (spaces.Discrete(4, start=-1), [-1, 2], [[0], [3]]),
        (
            spaces.MultiDiscrete([2, 3], start=[0, 7]),
            [[1, 7], [0, 9]],
            [[1, 2], [0, 4]],
        ),
    ],
    ids=repr,
)
def test_each_value_has_a_trained_vector(space, observations, rows):
    encoder = _encoder(space, embedding=5)
    (table,) = encoder.get_weights()
    assert table.shape == (np.max(rows) + 1, 5)
    outputs = encoder(tf.constant(observations, tf.int64)).numpy()
    np.testing.assert_array_equal(
        outputs.reshape(2, -1), table[np.array(rows)].reshape(2, -1)
    )


@pytest.mark.parametrize(
    ("embedding", "error"), [(0, ValueError), (2.5, TypeError)]
)
def test_embedding_of_no_size_is_refused(embedding, error):
    with pytest.raises(error, match=f"Received: embedding={embedding}"):
        _encoder(spaces.Discrete(3), embedding=embedding)


def test_one_encoding_is_not_joined_with_anything():
    x = keras.Input((2, 3))
    assert encoding.join([x], ["x"]) is x


def test_encodings_are_joined_as_vectors():
    inputs = [keras.Input((2, 2)), keras.Input((), dtype="int8")]
    model = keras.Model(inputs, encoding.join(inputs, ["a", "b"]))
    outputs = model([np.ones((1, 2, 2)), np.array([7], np.int8)])
    np.testing.assert_array_equal(outputs, [[1, 1, 1, 1, 7]])
