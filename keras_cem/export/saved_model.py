"""SavedModel: for TensorFlow, without Keras."""

import os

import keras
import tensorflow as tf

from keras_cem.export.endpoints import Endpoints


def write(endpoints: Endpoints, path: str) -> None:
    """Writes the folder of a SavedModel with all endpoints."""
    archive = keras.export.ExportArchive()
    archive.track(endpoints.policy)
    observations = endpoints.observations
    archive.add_endpoint("act", endpoints.act, [observations])
    archive.add_endpoint("logits", endpoints.logits, [observations])
    archive.add_endpoint(
        "act_sample",
        endpoints.act_sample,
        [
            observations,
            tf.TensorSpec((2,), tf.int32, name="seed"),
            tf.TensorSpec((), tf.float32, name="epsilon"),
        ],
    )
    archive.add_endpoint("serving_default", endpoints.serve, endpoints.leaves)
    archive.write_out(path, verbose=False)


def write_serving(endpoints: Endpoints, path: str) -> None:
    """Writes a SavedModel with only `serving_default`, for conversion."""
    archive = keras.export.ExportArchive()
    archive.track(endpoints.policy)
    archive.add_endpoint("serving_default", endpoints.serve, endpoints.leaves)
    archive.write_out(os.fspath(path), verbose=False)
