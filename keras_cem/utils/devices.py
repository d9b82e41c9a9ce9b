"""What TensorFlow computes on."""

import functools
import os
from typing import Any

import tensorflow as tf


def has_gpu() -> bool:
    """Whether TensorFlow computes on a GPU."""
    return bool(tf.config.list_logical_devices("GPU"))


def variable_dtype(dtype: Any) -> tf.DType:
    """Returns the dtype of a variable that compiled functions may use.

    TensorFlow keeps variables of int32 on the host, where a function that XLA
    compiled for a GPU does not reach them
    (https://github.com/tensorflow/tensorflow/issues/53192).

    Args:
        dtype: Of the numbers to hold.
    """
    dtype = tf.as_dtype(dtype)
    return tf.int64 if dtype == tf.int32 else dtype


def host_memory() -> int:
    """Returns how many bytes of memory the machine has."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


@functools.cache
def gpu_memory() -> int | None:
    """Returns how many bytes TensorFlow may take of its first GPU.

    Of the public ways, only a session tells this limit, which is what is
    visible to this process, less what the driver and other processes hold.

    Returns:
        Their number; None where there is no GPU, or none that tells.
    """
    if not has_gpu():
        return None
    try:
        with tf.compat.v1.Session(graph=tf.Graph()) as session:
            devices = session.list_devices()
    except tf.errors.OpError:
        # One that is split into several logical ones is not opened again.
        return None
    limits = [
        device.memory_limit_bytes
        for device in devices
        if device.device_type == "GPU"
    ]
    return next((limit for limit in limits if limit > 0), None)
