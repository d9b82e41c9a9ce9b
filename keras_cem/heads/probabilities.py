"""Softmax, as XLA computes it well on each device."""

import functools
import operator

import tensorflow as tf

from keras_cem.utils.devices import has_gpu

# Of so many numbers at most, maximum and sum are written out on a GPU.
MOST_WRITTEN_OUT = 16


def softmax(logits: tf.Tensor) -> tf.Tensor:
    """Returns the softmax over the last axis.

    On a GPU XLA (of TensorFlow 2.21) makes the reductions of a softmax a Triton
    kernel, together with what the logits are made of. In a rollout of 262,144
    CartPoles with a policy of 4-128-2 that was nearly all of a step, 202
    microseconds on an H100; written out, for a few numbers, it takes 71.

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
