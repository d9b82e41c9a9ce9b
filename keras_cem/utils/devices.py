"""The devices that TensorFlow uses, and their memory."""

import functools
import os
from typing import Any

import tensorflow as tf


def has_gpu() -> bool:
    """Whether TensorFlow uses a GPU."""
    return bool(tf.config.list_logical_devices("GPU"))


def announce() -> None:
    """Makes TensorFlow log its messages about the machine now.

    TensorFlow logs each of them once. The first search for GPUs may log an
    error. The first transpose of booleans logs another: oneDNN does not support
    booleans. TensorFlow then transposes them itself, so the result is right.
    """
    has_gpu()
    tf.function(tf.transpose, autograph=False)(tf.zeros((2, 2), tf.bool))


def variable_dtype(dtype: Any) -> tf.DType:
    """Returns the dtype of a variable that compiled functions may use.

    TensorFlow keeps int32 variables on the host. A function that XLA compiled
    for a GPU cannot access them there
    (https://github.com/tensorflow/tensorflow/issues/53192).

    Args:
        dtype: Dtype of the numbers to store.
    """
    dtype = tf.as_dtype(dtype)
    return tf.int64 if dtype == tf.int32 else dtype


def host_memory() -> int:
    """Returns the memory of the machine in bytes."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


@functools.cache
def gpu_memory() -> int | None:
    """Returns the memory that TensorFlow may use on its first GPU, in bytes.

    The limit is the memory visible to this process, less the memory that the
    driver and other processes use. In the public API only a session reports
    it.

    Returns:
        Number of bytes; None if there is no GPU, or no GPU reports the limit.
    """
    if not has_gpu():
        return None
    try:
        with tf.compat.v1.Session(graph=tf.Graph()) as session:
            devices = session.list_devices()
    except tf.errors.OpError:
        # TensorFlow cannot open a GPU again that is split into logical GPUs.
        return None
    limits = [
        device.memory_limit_bytes
        for device in devices
        if device.device_type == "GPU"
    ]
    return next((limit for limit in limits if limit > 0), None)
