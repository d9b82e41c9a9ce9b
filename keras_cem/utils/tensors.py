"""Types of tensors and of nests of them.

TensorFlow ships no types, so `tf.Tensor` is `Any` to a type checker. The names
still say what is meant, and structures around tensors are checked.
"""

from collections.abc import Mapping, Sequence
from typing import TypeAlias

import numpy as np
import tensorflow as tf

# What TensorFlow's functions take as one tensor.
Array: TypeAlias = np.ndarray | tf.Tensor
# A value of a space, or a batch of values: an array, or arrays in the structure
# of a nested space.
Nest: TypeAlias = Array | Mapping[str, "Nest"] | Sequence["Nest"]
# A whole number, which may be known in a compiled step only.
Integer: TypeAlias = int | tf.Tensor
# A number, which may be known in a compiled step only.
Number: TypeAlias = float | tf.Tensor
