"""Checks the loss that is given to `compile`."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

# Rows that a loss is tried on; not likely to be a number of dimensions.
_NUM_ROWS = 7


def only(**argument: Any) -> Any:
    """Returns a single value; takes it out of a list of length 1.

    Args:
        **argument: The value, under the caller's name of the argument.

    Raises:
        ValueError: If the value is a list of another length, or a dictionary
            of values by name.
    """
    ((name, value),) = argument.items()
    if isinstance(value, (list, tuple)) and len(value) == 1:
        (value,) = value
    if isinstance(value, (Sequence, Mapping)) and not isinstance(value, str):
        is_config = isinstance(value, Mapping) and "class_name" in value
        if not is_config:
            raise ValueError(
                f"`{name}` of `compile` must be one, for all outputs of the "
                f"policy. Received: {name}={value!r}"
            )
    return value


def by_row(loss: Any) -> Callable[[tf.Tensor, tf.Tensor], tf.Tensor]:
    """Returns a Keras loss as a function from (actions, outputs) to `(N,)`.

    A loss with a value per element is averaged over the elements of each row,
    as Keras does.

    Args:
        loss: As in `compile`; None is the mean square.
    """
    if loss is None:
        return keras.losses.mean_squared_error
    found = keras.losses.get(loss)
    # Calling a `keras.losses.Loss` reduces over the batch; its `call` returns
    # one value per row.
    call = found.call if isinstance(found, keras.losses.Loss) else found

    def function(actions: tf.Tensor, outputs: tf.Tensor) -> tf.Tensor:
        losses = tf.convert_to_tensor(call(actions, outputs))
        if losses.shape.rank == 2:
            losses = tf.reduce_mean(losses, axis=-1)
        if losses.shape.rank != 1:
            raise ValueError(
                "`loss` of `compile` must return one value per row, or per "
                f"element, for {actions.shape[-1]} actions per row. Received: "
                f"loss={loss!r}, which returns shape {losses.shape}. Leave "
                "out the mean over the rows."
            )
        return losses

    return function


def check(loss: Any, low: np.ndarray, high: np.ndarray) -> None:
    """Refuses a loss that does not draw outputs to the actions.

    The cross-entropy of classes, for one: it takes actions for probabilities.

    Args:
        loss: As in `compile`.
        low: float array `(D,)`, the least actions, as the loss is given them.
        high: Likewise, the largest; infinite where there is no bound.

    Raises:
        ValueError: If the loss is not least where outputs equal the actions,
            or does not give one value per row.
    """
    function = by_row(loss)
    low, high = np.maximum(low, -1.0), np.minimum(high, low + 2.0)
    high = np.maximum(high, low)
    share = np.linspace(0.05, 0.95, _NUM_ROWS)[:, None]
    actions = (low + share * (high - low)).astype(np.float32)
    least = np.asarray(function(actions, actions))
    if least.shape != (_NUM_ROWS,):
        raise ValueError(
            "`loss` of `compile` must return one value per row. Received: "
            f"loss={loss!r}, which returns shape {least.shape} for "
            f"{_NUM_ROWS} rows."
        )
    for step in (-1.0, 1.0):
        further = np.asarray(function(actions, actions + np.float32(step)))
        if not np.all(further > least):
            raise ValueError(
                "`loss` of `compile` must be least where the outputs equal the "
                "actions, anywhere in the box, and grow away from there: the "
                f"policy imitates actions of a Box. Received: loss={loss!r}. "
                "Give a loss of regression, such as 'mse', 'mae' or 'huber'."
            )
