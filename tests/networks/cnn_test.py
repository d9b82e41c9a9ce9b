import re

import keras
import numpy as np
import pytest

from keras_cem.networks import convolution_stack


def _stack(shape, **knobs):
    inputs = keras.Input(shape)
    return keras.Model(inputs, convolution_stack(inputs, **knobs))


@pytest.mark.parametrize(
    ("shape", "features"),
    [
        ((8, 8, 1), 4 * 4 * 16),
        ((4, 6, 3), 2 * 3 * 16),
        ((1, 1, 2), 1 * 1 * 16),
        ((16, 16, 3), 8 * 8 * 16),
        ((84, 84, 4), 6 * 6 * 32),
        ((210, 160, 3), 7 * 5 * 32),
    ],
)
def test_image_of_any_size_is_halved_until_it_is_small(shape, features):
    model = _stack(shape)
    assert model.output_shape == (None, features)
    outputs = model(np.ones((2, *shape), np.float32))
    assert np.all(np.isfinite(outputs))


def test_one_convolution_is_as_the_formula_says():
    """3 x 3, every second place, padded by zeros behind."""
    model = _stack(
        (4, 4, 2), filters=(3,), activation=None, bias_initializer="ones"
    )
    kernel, bias = model.get_weights()
    image = np.random.default_rng(0).normal(size=(4, 4, 2)).astype(np.float32)
    padded = np.pad(image, ((0, 1), (0, 1), (0, 0)))
    expected = [
        np.einsum("ijc,ijcf->f", padded[y : y + 3, x : x + 3], kernel) + bias
        for y in (0, 2)
        for x in (0, 2)
    ]
    np.testing.assert_allclose(
        model(image[None])[0], np.concatenate(expected), rtol=1e-4, atol=1e-5
    )


def test_knobs_reach_every_convolution():
    model = _stack(
        (8, 8, 3),
        filters=(2, 5),
        activation="tanh",
        l2=0.5,
        batch_normalization=True,
        name="left",
    )
    names = [layer.name for layer in model.layers[1:]]
    assert names == [
        "left_1",
        "left_1_batch_normalization",
        "left_1_activation",
        "left_2",
        "left_2_batch_normalization",
        "left_2_activation",
        "left_flatten",
    ]
    assert [model.get_layer(f"left_{i}").filters for i in (1, 2)] == [2, 5]
    kernels = [model.get_layer(f"left_{i}").kernel for i in (1, 2)]
    penalty = sum(0.5 * np.sum(np.square(kernel)) for kernel in kernels)
    np.testing.assert_allclose(sum(model.losses), penalty, rtol=1e-5)


def test_same_seed_same_weights():
    first, same, other = (_stack((8, 8, 1), seed=seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first.get_weights()[0], same.get_weights()[0])
    assert np.any(first.get_weights()[0] != other.get_weights()[0])


@pytest.mark.parametrize(
    ("filters", "error"),
    [((0,), ValueError), ((2.5,), TypeError), (16, TypeError)],
)
def test_filters_that_are_none_are_refused(filters, error):
    match = re.escape(f"Received: filters={filters!r}")
    with pytest.raises(error, match=match):
        _stack((8, 8, 1), filters=filters)


def test_what_is_no_image_is_refused():
    with pytest.raises(ValueError, match=r"Received: x of shape \(None, 8\)"):
        _stack((8,))
