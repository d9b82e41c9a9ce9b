"""OpenVINO: for Intel's processors."""

import pathlib
import tempfile

import openvino

from keras_cem.export import saved_model
from keras_cem.export.endpoints import Endpoints


def write(endpoints: Endpoints, path: str) -> None:
    """Writes a folder with `model.xml` and `model.bin`.

    Raises:
        ValueError: If the policy has an operation that OpenVINO has not.
    """
    with tempfile.TemporaryDirectory() as folder:
        saved_model.write_serving(endpoints, folder)
        try:
            model = openvino.convert_model(folder)
        except Exception as error:  # One of many of its frontend.
            raise ValueError(
                "`policy` must consist of operations that OpenVINO has. "
                f"Received: policy={endpoints.policy.name!r}. {error}"
            ) from error
    # Weights as they are, not in half precision.
    openvino.save_model(
        model, pathlib.Path(path) / "model.xml", compress_to_fp16=False
    )
