"""OpenVINO: for Intel processors."""

import pathlib
import tempfile

import openvino

from keras_cem.export import saved_model
from keras_cem.export.endpoints import Endpoints


def write(endpoints: Endpoints, path: str) -> None:
    """Writes a folder with `model.xml` and `model.bin`.

    Raises:
        ValueError: If the policy has an operation that OpenVINO does not
            support.
    """
    with tempfile.TemporaryDirectory() as folder:
        saved_model.write_serving(endpoints, folder)
        try:
            model = openvino.convert_model(folder)
        except Exception as error:  # The frontend raises many types.
            raise ValueError(
                "`policy` must use only operations that OpenVINO supports. "
                f"Received: policy={endpoints.policy.name!r}. {error}"
            ) from error
    # Keep the weights in full precision.
    openvino.save_model(
        model, pathlib.Path(path) / "model.xml", compress_to_fp16=False
    )
