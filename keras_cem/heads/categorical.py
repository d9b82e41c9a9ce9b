"""Softmax cross-entropy, with a bonus for staying undecided."""

import tensorflow as tf


def cross_entropy(
    logits: tf.Tensor, choices: tf.Tensor, entropy_coefficient: float
) -> tf.Tensor:
    """Returns -ln p_c - beta H(p), with p = softmax(logits).

    The entropy H(p) = -sum of p ln p over the choices keeps the policy from
    being sure of what a few lucky episodes did.

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
