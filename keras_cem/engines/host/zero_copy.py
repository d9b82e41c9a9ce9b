"""Passes NumPy arrays to TensorFlow without a copy.

`benchmarks/tricks.py`: a call of the acting policy takes 31 to 34 % less
processor time, and whole episodes of gymnasium's vectorized CartPole 18 to
20 % less, with 64 and with 256 sub-environments.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import tensorflow as tf

# Memory alignment in bytes that TensorFlow's kernels require
# (EIGEN_MAX_ALIGN_BYTES). They abort the process otherwise.
_ALIGNMENT = 64


def zeros(shape: Sequence[int], dtype: npt.DTypeLike) -> np.ndarray:
    """Returns zeros in aligned memory, which `lend` need not copy."""
    dtype = np.dtype(dtype)
    size = int(np.prod(shape)) * dtype.itemsize
    memory = np.zeros(size + _ALIGNMENT, np.uint8)
    begin = -memory.ctypes.data % _ALIGNMENT
    return memory[begin : begin + size].view(dtype).reshape(shape)


def lend(array: np.ndarray) -> tf.Tensor:
    """Returns an array as a tensor, which shares its memory if possible.

    Do not use the tensor after the array has changed.
    """
    address = array.__array_interface__["data"][0]
    if address % _ALIGNMENT or array.dtype == np.bool_ or not array.size:
        return tf.convert_to_tensor(array)
    return tf.experimental.dlpack.from_dlpack(array.__dlpack__())
