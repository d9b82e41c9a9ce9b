"""One policy improvement: from trajectories to a gradient step."""

from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf

from keras_cem import prng
from keras_cem.trajectories import Trajectories

NORMALIZATIONS = ("trajectory", "pair")


def elite_pairs(
    trajectories: Trajectories, elite_mask: tf.Tensor
) -> tuple[Any, Any]:
    """Returns the observations and actions of the elite trajectories.

    Args:
        trajectories: K trajectories.
        elite_mask: bool tensor `(K,)`.

    Returns:
        Observations `(N, ...)` and actions `(N, ...)`, of the N steps that are
        real and elite. Nothing of other trajectories is in them.
    """
    where = tf.where(trajectories.mask & elite_mask[:, None])
    return tf.nest.map_structure(
        lambda leaf: tf.gather_nd(leaf, where),
        (trajectories.observations, trajectories.actions),
    )


def descend(
    step: Callable[[tf.Tensor], tf.Tensor], num_steps: int
) -> tf.Tensor:
    """Takes several gradient steps one after the other.

    Args:
        step: Takes the number of the step, int32, and returns its loss.
        num_steps: How many, at least 1.

    Returns:
        Mean of the losses, NaN if one of them is.
    """
    if num_steps == 1:
        return step(tf.constant(0))
    _, total = tf.while_loop(
        lambda number, _: number < num_steps,
        lambda number, total: (number + 1, total + step(number)),
        (tf.constant(0), tf.constant(0.0)),
    )
    return total / num_steps


def minibatch(
    pairs: Any, size: int | None, key: prng.Words, number: tf.Tensor
) -> tuple[Any, tf.Tensor]:
    """Draws pairs at random, with replacement.

    Args:
        pairs: Nest of tensors `(N, ...)`.
        size: How many to draw; None takes all of them as they are.
        key: As `prng.make_key` returns it.
        number: int32 scalar; other pairs are drawn for each number.

    Returns:
        The drawn pairs, and N divided by their number: what to multiply the
        sum over them by, to have the sum over all in expectation.
    """
    if size is None:
        return pairs, tf.constant(1.0)
    count = tf.cast(tf.shape(tf.nest.flatten(pairs)[0])[0], tf.float32)
    rows = tf.range(size)
    drawn = prng.uniform(
        key,
        (tf.cast(rows, tf.uint32), tf.fill([size], tf.cast(number, tf.uint32))),
        1,
    )[:, 0]
    chosen = tf.cast(tf.minimum(drawn * count, count - 1.0), tf.int32)
    picked = tf.nest.map_structure(lambda leaf: tf.gather(leaf, chosen), pairs)
    return picked, count / size


def gradient_step(
    model: Any,
    loss_of: Callable[[], tf.Tensor],
    trainable: Sequence[Any],
    stateful: Sequence[Any],
) -> tf.Tensor:
    """Takes one optimizer step, unless loss or gradient is not finite.

    Args:
        model: Compiled Keras model, whose optimizer is used.
        loss_of: Returns the loss, a scalar; called once, under the tape.
        trainable: Variables to update.
        stateful: Variables that calling `loss_of` may change, such as the
            moving statistics of batch normalisation.

    Returns:
        The loss. If it is not finite, all variables are what they were; if
        the gradient alone is not, likewise, and NaN is returned.
    """
    before = [tf.identity(variable.value) for variable in stateful]
    with tf.GradientTape() as tape:
        loss = loss_of()
        scaled = model.optimizer.scale_loss(loss)
    values = [variable.value for variable in trainable]
    gradients = tape.gradient(scaled, values)
    pairs = [
        (gradient, variable)
        for gradient, variable in zip(gradients, trainable, strict=True)
        if gradient is not None
    ]
    finite = tf.math.is_finite(loss)
    for gradient, _ in pairs:
        finite &= tf.reduce_all(tf.math.is_finite(gradient))

    def apply() -> tf.Tensor:
        model.optimizer.apply([g for g, _ in pairs], [v for _, v in pairs])
        return loss

    def restore() -> tf.Tensor:
        for variable, value in zip(stateful, before, strict=True):
            variable.assign(value)
        return tf.constant(float("nan"), loss.dtype)

    return tf.cond(finite, apply, restore)
