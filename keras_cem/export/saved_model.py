"""SavedModel: for TensorFlow, without Keras."""

import os
from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf

from keras_cem.export.endpoints import Endpoints
from keras_cem.utils import keras_internals


def write(endpoints: Endpoints, path: str) -> None:
    """Writes the folder of a SavedModel with all endpoints.

    As attributes, the endpoints return actions or logits. As signatures, they
    return them by name, as `serving_default` does.
    """
    archive = keras.export.ExportArchive()
    archive.track(endpoints.policy)
    observations = endpoints.observations
    seed = tf.TensorSpec((2,), tf.int32, name="seed")
    epsilon = tf.TensorSpec((), tf.float32, name="epsilon")
    signatures = {}
    for name, root, inputs in (
        ("act", "actions", [observations]),
        ("logits", "logits", [observations]),
        ("act_sample", "actions", [observations, seed, epsilon]),
    ):
        function = archive.add_endpoint(name, getattr(endpoints, name), inputs)
        signatures[name] = tf.function(
            _named(endpoints, function, root), inputs, autograph=False
        )
    signatures["serving_default"] = archive.add_endpoint(
        "serving_default", endpoints.serve, endpoints.leaves
    )
    keras_internals.write_archive(archive, path, signatures)


def _named(
    endpoints: Endpoints, function: Callable[..., Any], root: str
) -> Callable[..., dict[str, Any]]:
    return lambda *inputs: endpoints.named(function(*inputs), root)


def write_serving(endpoints: Endpoints, path: str) -> None:
    """Writes a SavedModel with only `serving_default`, for conversion."""
    archive = keras.export.ExportArchive()
    archive.track(endpoints.policy)
    archive.add_endpoint("serving_default", endpoints.serve, endpoints.leaves)
    archive.write_out(os.fspath(path), verbose=False)
