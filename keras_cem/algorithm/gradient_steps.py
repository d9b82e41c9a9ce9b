"""One policy improvement: from trajectories to a gradient step."""

from collections.abc import Callable, Sequence
from typing import Any

import keras
import tensorflow as tf

from keras_cem.utils.nonfinite import GRADIENT, LOSS, WEIGHTS, all_finite

NORMALIZATIONS = ("trajectory", "pair", "length")


def penalties(model: Any) -> tf.Tensor:
    """Returns the sum of a model's own losses, such as regularisation."""
    return tf.add_n(
        [0.0, *(tf.cast(loss, tf.float32) for loss in model.losses)]
    )


def descend(
    step: Callable[[tf.Tensor], tuple[tf.Tensor, tf.Tensor]],
    num_steps: int,
    variables: Sequence[Any],
) -> tuple[tf.Tensor, tf.Tensor]:
    """Takes several gradient steps one after the other, or none.

    Args:
        step: Takes the number of the step, int32, and returns its loss and
            what was not finite, as `gradient_step` does.
        num_steps: How many, at least 1.
        variables: All that `step` changes. What was finite in them stays so.
            They are what they were if something is not finite, and the steps
            after it are left out.

    Returns:
        Mean of the losses; and what was not finite, int32, 0 for nothing,
        1 for the first of `ORIGINS`.
    """
    before = [tf.identity(variable.value) for variable in variables]

    def body(
        number: tf.Tensor, total: tf.Tensor, bad: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        loss, bad = step(number)
        return number + 1, total + loss, bad

    state = tf.constant(0), tf.constant(0.0), tf.constant(0)
    if num_steps == 1:
        _, total, bad = body(*state)
    else:
        _, total, bad = tf.while_loop(
            lambda number, total, bad: (number < num_steps) & tf.equal(bad, 0),
            body,
            state,
        )
    # Not all need be: a limit that is off is infinite.
    fine = all_finite(
        tf.where(
            tf.math.is_finite(value),
            variable.value,
            tf.zeros((), value.dtype),
        )
        for variable, value in zip(variables, before, strict=True)
        if value.dtype.is_floating
    )
    bad = tf.where(tf.equal(bad, 0) & ~fine, WEIGHTS, bad)

    def restore() -> tf.Tensor:
        for variable, value in zip(variables, before, strict=True):
            variable.assign(value)
        return bad

    return total / num_steps, tf.cond(tf.equal(bad, 0), lambda: bad, restore)


def gradient_step(
    model: Any,
    function: Callable[[], tuple[tf.Tensor, list[tf.Tensor]]],
    trainable: Sequence[Any],
    stateful: Sequence[Any],
) -> tuple[tf.Tensor, tf.Tensor]:
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
        The loss; and what is not finite, int32, 0 for nothing, 1 for the first
        of `ORIGINS`. If that is the loss or the gradient, all variables are
        what they were.
    """
    before = [tf.identity(variable.value) for variable in stateful]
    loss, gradients = function()
    bad = tf.where(tf.math.is_finite(loss), 0, LOSS)
    if not isinstance(model.optimizer, keras.optimizers.LossScaleOptimizer):
        fine = all_finite(gradients)
        bad = tf.where(tf.equal(bad, 0) & ~fine, GRADIENT, bad)

    def apply() -> tf.Tensor:
        model.optimizer.apply(gradients, list(trainable))
        fine = all_finite(variable.value for variable in trainable)
        return tf.where(fine, 0, WEIGHTS)

    def restore() -> tf.Tensor:
        for variable, value in zip(stateful, before, strict=True):
            variable.assign(value)
        return bad

    return loss, tf.cond(tf.equal(bad, 0), apply, restore)
