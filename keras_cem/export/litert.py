"""LiteRT, formerly TensorFlow Lite: for phones and microcontrollers."""

import pathlib
import tempfile

import tensorflow as tf
from ai_edge_litert import interpreter

from keras_cem.export import saved_model
from keras_cem.export.endpoints import Endpoints


def write(endpoints: Endpoints, path: str) -> None:
    """Writes a `.tflite` file with the signature `serving_default`.

    Raises:
        ValueError: If the policy has an operation that LiteRT does not support,
            or the actions are float64.
    """
    if any(leaf.dtype == "float64" for leaf in endpoints.action_space.leaves):
        raise ValueError(
            "`action_space` must not be float64 for LiteRT, which cannot "
            "clip float64 actions. Received: "
            f"action_space={endpoints.action_space}. Export as ONNX or "
            "OpenVINO, or train on a float32 Box."
        )
    with tempfile.TemporaryDirectory() as folder:
        saved_model.write_serving(endpoints, folder)
        converter = tf.lite.TFLiteConverter.from_saved_model(
            folder, signature_keys=["serving_default"]
        )
        # SELECT_TF_OPS would allow TensorFlow's own operations, but running
        # them needs TensorFlow.
        try:
            content = converter.convert()
            interpreter.Interpreter(model_content=content).allocate_tensors()
        except Exception as error:  # The converter's error is not public.
            raise ValueError(
                "`policy` must use only operations that LiteRT supports. "
                f"Received: policy={endpoints.policy.name!r}. {error}"
            ) from error
    pathlib.Path(path).write_bytes(content)
