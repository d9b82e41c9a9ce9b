"""Softmax and its cross-entropy, for a small number of choices."""

import functools
import operator

import tensorflow as tf

from keras_cem.utils.devices import has_gpu

# On a GPU, maximum and sum over at most this many numbers are written out.
MOST_WRITTEN_OUT = 16


def softmax(logits: tf.Tensor) -> tf.Tensor:
    """Returns the softmax over the last axis.

    On a GPU, XLA (TensorFlow 2.21) compiles the reductions of a softmax into a
    Triton kernel, together with the computation of the logits. A rollout of
    262,144 CartPoles with a policy of 4-128-2 spent nearly the whole step
    there, 202 microseconds on an H100. Written out for a small number of
    choices, it takes 71 microseconds.

    Args:
        logits: float32 `(..., m)`.

    Returns:
        float32 tensor of that shape.
    """
    if not has_gpu() or logits.shape[-1] > MOST_WRITTEN_OUT:
        return tf.nn.softmax(logits)
    columns = tf.unstack(logits, axis=-1)
    largest = functools.reduce(tf.maximum, columns)
    powers = [tf.exp(column - largest) for column in columns]
    total = functools.reduce(operator.add, powers)
    return tf.stack([power / total for power in powers], axis=-1)


def cross_entropy(
    logits: tf.Tensor, choices: tf.Tensor, entropy_coefficient: float
) -> tf.Tensor:
    """Returns -ln p_c - beta H(p), with p = softmax(logits).

    The entropy H(p) = -sum of p ln p over the choices keeps the policy from
    becoming certain of the actions of a few lucky episodes.

    Args:
        logits: Tensor `(..., m)`.
        choices: Integer tensor `(...)`, c, from 0.
        entropy_coefficient: beta, at least 0.

    Returns:
        float32 tensor `(...)`.
    """
    logits = tf.cast(logits, tf.float32)
    losses = tf.nn.sparse_softmax_cross_entropy_with_logits(
        labels=choices, logits=logits
    )
    if not entropy_coefficient:
        return losses
    logarithms = tf.nn.log_softmax(logits)
    negative = tf.reduce_sum(tf.exp(logarithms) * logarithms, axis=-1)
    return losses + entropy_coefficient * negative
