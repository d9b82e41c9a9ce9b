"""What `compile` is told about the loss, checked."""

import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

# Rows that a loss is tried on. Even, so that none is 0 in a symmetric box.
_NUM_ROWS = 8
# Share of the largest difference that counts as none: it is rounding.
_ROUNDING = 1e-5


def only(**argument: Any) -> Any:
    """Returns what there must be one of, out of a list of one.

    Args:
        **argument: The value by the caller's name for it.

    Raises:
        ValueError: If there are several, or none, or they are named.
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

    A loss that gives a value per element is averaged over them, as Keras does.

    Args:
        loss: As in `compile`; None is the mean square.
    """
    if loss is None:
        return keras.losses.mean_squared_error
    found = keras.losses.get(loss)
    # A `keras.losses.Loss` reduces over the batch when called; its `call`
    # gives one value per row.
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
    """Refuses a loss that cannot teach the actions of a Box.

    A loss must give one value per row. One of Keras' must also be least where
    the outputs equal the actions: a cross-entropy of classes would take actions
    for probabilities. What a function of the caller's own is for, is theirs.

    Args:
        loss: As in `compile`.
        low: float array `(D,)`, the least actions, as the loss is given them.
        high: Likewise, the largest; infinite where there is no bound.

    Raises:
        ValueError: If the loss is refused.
    """
    low, high = np.maximum(low, -1.0), np.minimum(high, low + 2.0)
    high = np.maximum(high, low)
    share = np.linspace(0.05, 0.95, _NUM_ROWS)[:, None]
    actions = (low + share * (high - low)).astype(np.float32)
    with warnings.catch_warnings():
        # Keras guesses at what is meant; the errors here say it.
        warnings.simplefilter("ignore")
        least = np.asarray(by_row(loss)(actions, actions))
        if least.shape != (_NUM_ROWS,):
            raise ValueError(
                "`loss` of `compile` must return one value per row. Received: "
                f"loss={loss!r}, which returns shape {least.shape} for "
                f"{_NUM_ROWS} rows."
            )
        draws = not _is_of_keras(loss) or _draws(by_row(loss), actions, least)
    if not draws:
        raise ValueError(
            "`loss` of `compile` must be least where the outputs equal the "
            "actions, anywhere in the box, and grow away from there: the "
            f"policy imitates actions of a Box. Received: loss={loss!r}. "
            "Give a loss of regression, such as 'mse', 'mae' or 'huber'."
        )


def _is_of_keras(loss: Any) -> bool:
    found = keras.losses.get(loss)
    kind = type(found) if isinstance(found, keras.losses.Loss) else found
    return getattr(kind, "__module__", "").startswith("keras.")


def _draws(
    function: Callable[[tf.Tensor, tf.Tensor], tf.Tensor],
    actions: np.ndarray,
    least: np.ndarray,
) -> bool:
    """Whether a loss is larger than `least` away from the actions."""
    # By the scale in one dimension, either way; and to twice the actions, in
    # the same direction from 0.
    steps = np.eye(actions.shape[1], dtype=np.float32)
    outputs = [actions + step for step in (*steps, *-steps)] + [2 * actions]
    further = function(
        np.tile(actions, (len(outputs), 1)), np.concatenate(outputs)
    )
    differences = np.asarray(further) - np.tile(least, len(outputs))
    threshold = _ROUNDING * max(np.max(differences), 0.0)
    return bool(np.all(differences > threshold))
