"""Losses given to `compile`: which are taken, and how often they count."""

import keras
import numpy as np
import pytest

from keras_cem import heads, spaces

BOX = spaces.Box([-1.0, 0.0], [1.0, 6.0])
OUTPUTS = np.array([[0.5, 3.0], [-0.25, 4.5]], np.float32)
ACTIONS = np.array([[0.0, 0.0], [0.75, 6.0]], np.float32)


def loss_of(loss):
    head = heads.for_space(BOX).with_loss(loss)
    head.check_loss()
    return head.loss(OUTPUTS, ACTIONS).numpy()


@pytest.mark.parametrize(
    "loss",
    [
        "mse",
        lambda y, p: keras.ops.mean((y - p) ** 2, axis=-1),
        lambda y, p: (y - p) ** 2,
        keras.losses.MeanSquaredError(),
        keras.losses.MeanSquaredError(reduction=None),
    ],
)
def test_loss_by_row_and_by_element_are_the_same(loss):
    scaled = (OUTPUTS - ACTIONS) / [1.0, 3.0]
    np.testing.assert_allclose(
        loss_of(loss), np.sum(scaled**2, axis=-1), rtol=1e-6
    )


@pytest.mark.parametrize(
    "loss", ["mae", "mape", "huber", "log_cosh", keras.losses.Huber(0.1)]
)
def test_losses_of_regression_are_taken(loss):
    assert loss_of(loss).shape == (2,)


@pytest.mark.parametrize(
    "loss",
    [
        "categorical_crossentropy",
        "binary_crossentropy",
        "kl_divergence",
        "hinge",
        "cosine_similarity",
        "msle",
        "poisson",
        keras.losses.CategoricalCrossentropy(),
        keras.losses.binary_crossentropy,
    ],
)
def test_losses_of_keras_that_are_no_regression_are_refused(loss):
    with pytest.raises(ValueError, match=r"a regression loss.*Received: loss="):
        loss_of(loss)


def test_function_of_the_users_own_is_taken():
    found = loss_of(lambda y, p: -keras.ops.mean(p, axis=-1))
    # The sum over the actions, in the units of the policy's outputs.
    np.testing.assert_allclose(found, -np.sum(OUTPUTS / [1.0, 3.0], axis=-1))


def test_loss_that_averages_over_rows_is_refused():
    with pytest.raises(ValueError, match=r"one value per row.*shape \(\)"):
        loss_of(lambda y, p: keras.ops.mean((y - p) ** 2))
