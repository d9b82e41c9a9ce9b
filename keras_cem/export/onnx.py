"""ONNX: for onnxruntime and many others."""

import onnx
import tensorflow as tf
import tf2onnx

from keras_cem.export.endpoints import Endpoints


def write(endpoints: Endpoints, path: str) -> None:
    """Writes an `.onnx` file.

    Raises:
        ValueError: If the policy has an operation that ONNX does not support.
    """
    function = tf.function(endpoints.serve, input_signature=endpoints.leaves)
    model, _ = tf2onnx.convert.from_function(
        function, input_signature=endpoints.leaves
    )
    # tf2onnx 1.17 only logs an operation that it cannot convert. It leaves
    # TensorFlow's operation in the file, which then no runtime can open.
    try:
        onnx.checker.check_model(model, full_check=True)
    except onnx.checker.ValidationError as error:
        raise ValueError(
            "`policy` must use only operations that ONNX supports. Received: "
            f"policy={endpoints.policy.name!r}. {error}"
        ) from error
    onnx.save(model, path)
