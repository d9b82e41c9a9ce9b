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


@pytest.mark.parametrize("space", [BOX, spaces.Box(-1.0, 1.0, (40,))])
@pytest.mark.parametrize(
    "loss",
    ["mse", "mae", "huber", "log_cosh", "mape", keras.losses.Huber(1e-3)],
)
def test_losses_of_regression_fit_any_box(space, loss):
    heads.for_space(space).with_loss(loss).check_loss()


@pytest.mark.parametrize("low", [-np.inf, -7.0, 3.0])
@pytest.mark.parametrize("high", [np.inf, 5.0])
def test_bounds_of_a_box_may_be_anywhere(low, high):
    space = spaces.Box(low, high, (2,))
    head = heads.for_space(space, action_scale=0.5)
    head.with_loss("mae").check_loss()
    with pytest.raises(ValueError, match="least where the outputs equal"):
        head.with_loss("categorical_crossentropy").check_loss()


@pytest.mark.parametrize(
    "loss", ["mae", "huber", "log_cosh", keras.losses.Huber(0.1)]
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
        keras.losses.CategoricalCrossentropy(from_logits=True),
        keras.losses.CosineSimilarity(),
    ],
)
def test_losses_that_do_not_draw_to_the_action_are_refused(loss):
    with pytest.raises(ValueError, match=r"least where the outputs equal"):
        loss_of(loss)


def test_loss_that_averages_over_rows_is_refused():
    with pytest.raises(ValueError, match=r"one value per row.*shape \(\)"):
        loss_of(lambda y, p: keras.ops.mean((y - p) ** 2))


def test_loss_of_the_callers_own_may_draw_anywhere():
    np.testing.assert_allclose(
        loss_of(lambda y, p: -p), -np.sum(OUTPUTS / [1.0, 3.0], axis=-1)
    )
