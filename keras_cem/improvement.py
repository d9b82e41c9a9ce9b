"""One policy improvement: from trajectories to a gradient step."""

from collections.abc import Callable, Sequence
from typing import Any

import keras
import tensorflow as tf

NORMALIZATIONS = ("trajectory", "pair")


def penalties(model: Any) -> tf.Tensor:
    """Returns the sum of a model's own losses, such as regularisation."""
    return tf.add_n(
        [0.0, *(tf.cast(loss, tf.float32) for loss in model.losses)]
    )


def descend(
    step: Callable[[tf.Tensor], tf.Tensor],
    num_steps: int,
    variables: Sequence[Any],
) -> tf.Tensor:
    """Takes several gradient steps one after the other, or none.

    Args:
        step: Takes the number of the step, int32, and returns its loss. If
            that is not finite, it has changed nothing.
        num_steps: How many, at least 1.
        variables: All that `step` changes. They are what they were if the loss
            of a step is not finite, and the steps after it are left out.

    Returns:
        Mean of the losses, not finite if one of them is not.
    """
    if num_steps == 1:
        return step(tf.constant(0))
    before = [tf.identity(variable.value) for variable in variables]
    _, total = tf.while_loop(
        lambda number, total: (number < num_steps) & tf.math.is_finite(total),
        lambda number, total: (number + 1, total + step(number)),
        (tf.constant(0), tf.constant(0.0)),
    )

    def restore() -> tf.Tensor:
        for variable, value in zip(variables, before, strict=True):
            variable.assign(value)
        return total

    return tf.cond(tf.math.is_finite(total), lambda: total, restore) / num_steps


def gradient_step(
    model: Any,
    function: Callable[[], tuple[tf.Tensor, list[tf.Tensor]]],
    trainable: Sequence[Any],
    stateful: Sequence[Any],
) -> tf.Tensor:
    """Takes one optimizer step, unless loss or gradient is not finite.

    A `LossScaleOptimizer` is given gradients that are not finite: it skips the
    step and scales the loss down, which belongs to training in float16.

    Args:
        model: Compiled Keras model, whose optimizer is used.
        function: Returns the loss, a scalar, and its gradients by `trainable`,
            scaled as the optimizer wants it; called once.
        trainable: Variables to update.
        stateful: Variables that calling `function` may change, such as the
            moving statistics of batch normalisation.

    Returns:
        The loss. If it is not finite, all variables are what they were; if
        the gradient alone is not, likewise, and NaN is returned.
    """
    before = [tf.identity(variable.value) for variable in stateful]
    loss, gradients = function()
    finite = tf.math.is_finite(loss)
    if not isinstance(model.optimizer, keras.optimizers.LossScaleOptimizer):
        for gradient in gradients:
            finite &= tf.reduce_all(tf.math.is_finite(gradient))

    def apply() -> tf.Tensor:
        model.optimizer.apply(gradients, list(trainable))
        return loss

    def restore() -> tf.Tensor:
        for variable, value in zip(stateful, before, strict=True):
            variable.assign(value)
        return tf.constant(float("nan"), loss.dtype)

    return tf.cond(finite, apply, restore)
