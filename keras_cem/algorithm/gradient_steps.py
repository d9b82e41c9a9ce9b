"""The gradient steps of a policy improvement."""

from collections.abc import Callable, Sequence

import keras
import tensorflow as tf

from keras_cem import prng
from keras_cem.engines.pairs import Pairs, shuffled
from keras_cem.utils.nonfinite import Fault, all_finite

# Number of pairs per minibatch of an epoch.
DEFAULT_MINIBATCH_SIZE = 256
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

    def body(
        number: tf.Tensor, total: tf.Tensor, bad: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        loss, bad = step(number)
        return number + 1, total + loss, bad

    def run() -> tuple[tf.Tensor, tf.Tensor]:
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
        return total / num_gradient_steps, bad

    return all_or_nothing(run, variables)


def descend_epochs(
    step: Callable[
        [tf.Tensor, tf.Tensor, tf.Tensor], tuple[tf.Tensor, tf.Tensor]
    ],
    pairs: Pairs,
    size: int,
    num_epochs: int,
    key: prng.Words,
) -> tuple[tf.Tensor, tf.Tensor]:
    """Takes gradient steps on shuffled minibatches, or until one is withheld.

    Each epoch passes over all N pairs in a new random order, without
    replacement. Its minibatches differ in size by at most one pair.

    Args:
        step: Function of pair numbers `(size,)`, a bool mask `(size,)` of the
            numbers that count, and their number, a float32 scalar. It returns
            the loss and the code of a nonfinite value, as `gradient_step` does.
        pairs: The N pairs.
        size: Maximum number of pairs per minibatch.
        num_epochs: Number of epochs, at least 1.
        key: Key of the random order, as `prng.make_key` returns it.

    Returns:
        The mean of the losses, and the code of a nonfinite value, 0 if all was
        finite.
    """
    total, dtype = pairs.total, pairs.total.dtype
    places = tf.range(size, dtype=dtype)
    # Batch times N may exceed int32.
    count = tf.maximum(tf.cast(-(-total // size), tf.int64), 1)
    last = tf.maximum(total - 1, 0)

    def begin(batch: tf.Tensor) -> tf.Tensor:
        return tf.cast(batch * tf.cast(total, tf.int64) // count, dtype)

    def body(
        number: tf.Tensor, order: tf.Tensor, losses: tf.Tensor, bad: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor]:
        batch = number % count
        order = tf.cond(
            tf.equal(batch, 0),
            lambda: shuffled(key, number // count, total, pairs.most),
            lambda: order,
        )
        first, end = begin(batch), begin(batch + 1)
        numbers = tf.gather(order, tf.minimum(first + places, last))
        loss, bad = step(
            numbers, places < end - first, tf.cast(end - first, tf.float32)
        )
        return number + 1, order, losses + loss, bad

    steps = num_epochs * count
    _, _, losses, bad = tf.while_loop(
        lambda number, order, losses, bad: (number < steps) & tf.equal(bad, 0),
        body,
        (
            tf.constant(0, tf.int64),
            tf.zeros(pairs.most, dtype),
            tf.constant(0.0),
            tf.constant(0),
        ),
    )
    return losses / tf.cast(steps, tf.float32), bad


def all_or_nothing(
    run: Callable[[], tuple[tf.Tensor, tf.Tensor]],
    variables: Sequence[keras.Variable],
) -> tuple[tf.Tensor, tf.Tensor]:
    """Undoes gradient steps if a value is not finite.

    Finite values in the variables always stay finite.

    Args:
        run: Takes the gradient steps. It returns the loss and the code of a
            nonfinite value, 0 for none.
        variables: All variables that `run` changes.

    Returns:
        The loss, and the code of the first nonfinite value, also of the
        variables afterwards; 0 for none.
    """
    before = [tf.identity(variable.value) for variable in variables]
    loss, bad = run()
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

    return loss, tf.cond(tf.equal(bad, 0), lambda: bad, restore)


def gradient_step(
    optimizer: keras.optimizers.Optimizer,
    function: Callable[[], tuple[tf.Tensor, list[tf.Tensor]]],
    trainable: Sequence[keras.Variable],
    stateful: Sequence[keras.Variable],
) -> tuple[tf.Tensor, tf.Tensor]:
    """Takes one optimizer step, unless loss or gradient is not finite.

    A `LossScaleOptimizer` does get nonfinite gradients. It then skips the step
    and reduces the loss scale, which is normal in float16 training.

    Args:
        optimizer: Keras optimizer, built for `trainable`.
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
    if not isinstance(optimizer, keras.optimizers.LossScaleOptimizer):
        fine = all_finite(gradients)
        bad = tf.where(tf.equal(bad, 0) & ~fine, int(Fault.GRADIENT), bad)

    def apply() -> tf.Tensor:
        optimizer.apply(gradients, list(trainable))
        fine = all_finite(variable.value for variable in trainable)
        return tf.where(fine, 0, int(Fault.WEIGHTS))

    def restore() -> tf.Tensor:
        for variable, value in zip(stateful, before, strict=True):
            variable.assign(value)
        return bad

    return loss, tf.cond(tf.equal(bad, 0), apply, restore)
