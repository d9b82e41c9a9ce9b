"""Importing TF-Agents 0.19, which is older than Keras 3.

TF-Agents needs tensorflow-probability 0.23, which cannot be imported if
`tf.keras` is Keras 3. If `TF_USE_LEGACY_KERAS=1` is set when `tf.keras` is
first used, `tf.keras` is the package tf_keras instead. `import keras` is
always Keras 3.
"""

import importlib
import importlib.metadata
import importlib.util
import os
import sys
import warnings

from keras_cem.utils import tf_agents_internals

FLAG = "TF_USE_LEGACY_KERAS"

_DISTRIBUTIONS = (
    "tf-agents",
    "tensorflow-probability",
    "tf-keras",
    "tensorflow",
    "keras",
)


def load() -> None:
    """Imports TF-Agents.

    Sets `TF_USE_LEGACY_KERAS=1` first, unless the variable is already set. The
    variable stays set, because processes that TF-Agents starts need it too. If
    the import fails, the variable is restored.

    Raises:
        ImportError: If TF-Agents is not installed, or cannot be imported.
    """
    if "tf_agents" in sys.modules:
        return
    for name in ("tf_agents", "tf_keras"):
        if importlib.util.find_spec(name) is None:
            raise ImportError(
                f"`keras_cem.adapters.tf_agents` needs {name.replace('_', '-')}"
                ". Install it with `pip install 'keras-cem[tf-agents]'`."
            )
    given = os.environ.get(FLAG)
    try:
        if given is None:
            os.environ[FLAG] = "1"
            _use_tf_keras()
        with warnings.catch_warnings():
            # Warnings about distutils and NumPy 2, from the last release.
            warnings.simplefilter("ignore")
            importlib.import_module("tf_agents")
    # Not only ImportError: tensorflow-probability raises AttributeError.
    except Exception as error:
        if given is None:
            del os.environ[FLAG]
        raise ImportError(
            "TF-Agents could not be imported. It raised "
            f"{type(error).__name__}: {error} Received: {FLAG}={given!r}, "
            f"{_versions()}. Set {FLAG}=1 before anything uses `tf.keras`, "
            "preferably before Python starts, and install matching versions "
            "with `pip install 'keras-cem[tf-agents]'`."
        ) from error


def _use_tf_keras() -> None:
    """Makes both `tf.keras` and `tensorflow.keras` the package tf_keras."""
    import tensorflow as tf

    # The first use of `tf.keras` decides which package it is.
    kind = tf.keras.Model.__module__.partition(".")[0]
    if "tensorflow.keras" in sys.modules or kind != "tf_keras":
        raise RuntimeError("`tf.keras` was already loaded, as Keras 3.")
    # TF-Agents uses `from tensorflow.keras import layers`. That import follows
    # a path set when TensorFlow was imported, and would give Keras 3 again.
    sys.modules["tensorflow.keras"] = importlib.import_module(
        tf_agents_internals.TF_KERAS
    )


def _versions() -> str:
    known = []
    for name in _DISTRIBUTIONS:
        try:
            known.append(f"{name} {importlib.metadata.version(name)}")
        except importlib.metadata.PackageNotFoundError:
            known.append(f"no {name}")
    return ", ".join(known)
