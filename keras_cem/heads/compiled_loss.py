"""Checks the loss of `compile`."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_cem.heads.base import Loss
from keras_cem.utils import checks

# Rows for a trial of the loss. A number that is unlikely to be a dimension.
_NUM_ROWS = 7
# Losses of Keras whose minimum is at outputs equal to the actions of a box.
_OF_REGRESSION = (
    keras.losses.MeanSquaredError,
    keras.losses.MeanAbsoluteError,
    keras.losses.MeanAbsolutePercentageError,
    keras.losses.Huber,
    keras.losses.LogCosh,
    keras.losses.mean_squared_error,
    keras.losses.mean_absolute_error,
    keras.losses.mean_absolute_percentage_error,
    keras.losses.huber,
    keras.losses.log_cosh,
)


def only(**argument: object) -> Any:
    """Returns a single value, also from a list of length 1.

    Args:
        **argument: The value, by its argument name in `compile`.

    Raises:
        ValueError: If the value is a list of another length, or a dictionary
            with a value per output.
    """
    ((name, value),) = argument.items()
    if isinstance(value, (list, tuple)) and len(value) == 1:
        (value,) = value
    if isinstance(value, (Sequence, Mapping)) and not isinstance(value, str):
        is_config = isinstance(value, Mapping) and "class_name" in value
        if not is_config:
            raise ValueError(
                f"`{name}` of `compile` must be a single value for all "
                f"outputs of the policy. Received: {name}={value!r}"
            )
    return value


def weight(loss_weights: object) -> float | None:
    """Returns the factor of the loss, or None if it is not given.

    Args:
        loss_weights: As in `compile`: a number, or a list of one.

    Raises:
        ValueError: If there are several, or it is not finite.
        TypeError: If it is not a number.
    """
    value = only(loss_weights=loss_weights)
    if value is None:
        return None
    checks.number(loss_weights=value)
    return float(value)


def by_row(loss: Loss | None) -> Callable[[tf.Tensor, tf.Tensor], tf.Tensor]:
    """Returns a Keras loss as a function from (actions, outputs) to `(N,)`.

    Like Keras, it averages a loss with a value per element over the elements
    of each row.

    Args:
        loss: As in `compile`. None means the mean squared error.
    """
    found = keras.losses.get("mse" if loss is None else loss)
    # Calling a `keras.losses.Loss` reduces over the batch; its `call` returns
    # one value per row.
    call = found.call if isinstance(found, keras.losses.Loss) else found

    def function(actions: tf.Tensor, outputs: tf.Tensor) -> tf.Tensor:
        losses = tf.convert_to_tensor(call(actions, outputs))
        if losses.shape.rank == 2:
            losses = tf.reduce_mean(losses, axis=-1)
        if losses.shape.rank != 1:
            raise ValueError(
                "`loss` of `compile` must return one value per row or per "
                f"element. Received: loss={loss!r}, which returns shape "
                f"{losses.shape} for {actions.shape[-1]} actions per row. Do "
                "not average over the rows."
            )
        return losses

    return function


def check(loss: Loss, dimensions: int) -> None:
    """Refuses Keras losses that are not for regression, and wrong shapes.

    For example, categorical cross-entropy would treat actions as
    probabilities. For the user's own loss, only the shape is checked.

    Args:
        loss: As in `compile`.
        dimensions: Number of components of an action.

    Raises:
        ValueError: If the loss is a Keras loss for another purpose, or does
            not return one value per row.
    """
    found = keras.losses.get(loss)
    known = type(found) if isinstance(found, keras.losses.Loss) else found
    if known in vars(keras.losses).values() and known not in _OF_REGRESSION:
        raise ValueError(
            "`loss` of `compile` must be a regression loss for a Box, "
            "because the policy imitates its actions. Received: "
            f"loss={loss!r}. Use 'mse', 'mae', 'mape', 'huber', 'log_cosh' "
            "or your own function."
        )
    rows = np.zeros((_NUM_ROWS, dimensions), np.float32)
    shape = np.shape(by_row(loss)(tf.constant(rows), tf.constant(rows)))
    if shape != (_NUM_ROWS,):
        raise ValueError(
            "`loss` of `compile` must return one value per row. Received: "
            f"loss={loss!r}, which returns shape {shape} for {_NUM_ROWS} rows."
        )
