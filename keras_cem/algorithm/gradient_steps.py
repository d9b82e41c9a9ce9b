"""The gradient steps of a policy improvement."""

from collections.abc import Callable, Sequence

import keras
import tensorflow as tf

from keras_cem.utils.nonfinite import Fault, all_finite

NORMALIZATIONS = ("trajectory", "pair", "length")


def penalties(model: keras.Layer) -> tf.Tensor:
    """Returns the sum of a model's own losses, such as regularization."""
    return tf.add_n(
        [0.0, *(tf.cast(loss, tf.float32) for loss in model.losses)]
    )


def descend(
    step: Callable[[tf.Tensor], tuple[tf.Tensor, tf.Tensor]],
    num_gradient_steps: int,
    variables: Sequence[keras.Variable],
) -> tuple[tf.Tensor, tf.Tensor]:
    """Takes several gradient steps, or none if a value is not finite.

    The first nonfinite value ends the steps and restores all variables. Finite
    values in the variables always stay finite.

    Args:
        step: Function of the step number, int32. It returns the loss and the
            code of a nonfinite value, as `gradient_step` does.
        num_gradient_steps: Number of steps, at least 1.
        variables: All variables that `step` changes.

    Returns:
        The mean of the losses, and an int32 code: 0 if all was finite, else a
        `nonfinite.Fault`.
    """
    before = [tf.identity(variable.value) for variable in variables]

    def body(
        number: tf.Tensor, total: tf.Tensor, bad: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        loss, bad = step(number)
        return number + 1, total + loss, bad

    state = tf.constant(0), tf.constant(0.0), tf.constant(0)
    if num_gradient_steps == 1:
        _, total, bad = body(*state)
    else:
        _, total, bad = tf.while_loop(
            lambda number, total, bad: (
                (number < num_gradient_steps) & tf.equal(bad, 0)
            ),
            body,
            state,
        )
    # Ignore values that were infinite before, such as a limit that is off.
    fine = all_finite(
        tf.where(
            tf.math.is_finite(value),
            variable.value,
            tf.zeros((), value.dtype),
        )
        for variable, value in zip(variables, before, strict=True)
        if value.dtype.is_floating
    )
    bad = tf.where(tf.equal(bad, 0) & ~fine, int(Fault.WEIGHTS), bad)

    def restore() -> tf.Tensor:
        for variable, value in zip(variables, before, strict=True):
            variable.assign(value)
        return bad

    return total / num_gradient_steps, tf.cond(
        tf.equal(bad, 0), lambda: bad, restore
    )


def gradient_step(
    model: keras.Model,
    function: Callable[[], tuple[tf.Tensor, list[tf.Tensor]]],
    trainable: Sequence[keras.Variable],
    stateful: Sequence[keras.Variable],
) -> tuple[tf.Tensor, tf.Tensor]:
    """Takes one optimizer step, unless loss or gradient is not finite.

    A `LossScaleOptimizer` does get nonfinite gradients. It then skips the step
    and reduces the loss scale, which is normal in float16 training.

    Args:
        model: Compiled Keras model that provides the optimizer.
        function: Returns the loss, a scalar, and its gradients with respect to
            `trainable`. The gradients have the optimizer's loss scale. It is
            called once.
        trainable: Variables to update.
        stateful: Variables that `function` may change, such as the moving
            statistics of batch normalization.

    Returns:
        The loss, and an int32 code: 0 if all was finite, else a
        `nonfinite.Fault`. If the loss or a gradient is not finite, no variable
        changes.
    """
    before = [tf.identity(variable.value) for variable in stateful]
    loss, gradients = function()
    bad = tf.where(tf.math.is_finite(loss), 0, int(Fault.LOSS))
    if not isinstance(model.optimizer, keras.optimizers.LossScaleOptimizer):
        fine = all_finite(gradients)
        bad = tf.where(tf.equal(bad, 0) & ~fine, int(Fault.GRADIENT), bad)

    def apply() -> tf.Tensor:
        model.optimizer.apply(gradients, list(trainable))
        fine = all_finite(variable.value for variable in trainable)
        return tf.where(fine, 0, int(Fault.WEIGHTS))

    def restore() -> tf.Tensor:
        for variable, value in zip(stateful, before, strict=True):
            variable.assign(value)
        return bad

    return loss, tf.cond(tf.equal(bad, 0), apply, restore)
