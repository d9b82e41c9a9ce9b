"""The only module that uses private names of TensorFlow.

Where a TensorFlow lacks them, its public names do the same, only slower.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

try:
    from tensorflow.python import pywrap_tfe
    from tensorflow.python.eager import context
except ImportError:
    pywrap_tfe = context = None

# Each name, with the version in which it was seen.
NAMES = {
    "pywrap_tfe.TFE_Py_Execute": "2.21.0",
    "Context._handle": "2.21.0",
    "EagerTensor._numpy": "2.21.0",
}
# Seen in the same version. `tf.raw_ops` has no names with an underscore.
READ_SEVERAL = "_ReadVariablesOp"


def reader(variables: Sequence[Any]) -> Callable[[], list[np.ndarray]]:
    """Returns a function that reads variables, outside of `tf.function`.

    One operation reads them all. It takes 10 microseconds for four, and reading
    each of them 10 to 40.

    Args:
        variables: TensorFlow variables.
    """
    if _can_be_read_at_once(variables):
        read = _reader_at_once(variables)
        try:
            read()
        except (AttributeError, tf.errors.OpError):
            pass
        else:
            return read
    return lambda: [np.asarray(v.read_value()) for v in variables]


def _reader_at_once(
    variables: Sequence[Any],
) -> Callable[[], list[np.ndarray]]:
    handles = [variable.handle for variable in variables]
    dtypes = [variable.dtype.as_datatype_enum for variable in variables]
    attributes = ("N", len(handles), "dtypes", dtypes)

    def read() -> list[np.ndarray]:
        tensors = pywrap_tfe.TFE_Py_Execute(
            context.context()._handle,
            None,
            READ_SEVERAL,
            handles,
            attributes,
            len(handles),
        )
        # A scalar has no array.
        return [np.asarray(tensor._numpy()) for tensor in tensors]

    return read


def _can_be_read_at_once(variables: Sequence[Any]) -> bool:
    mirrored = any(
        isinstance(variable, tf.distribute.DistributedValues)
        for variable in variables
    )
    return not mirrored and len({v.device for v in variables}) == 1
