"""Importing TF-Agents 0.19, which is older than Keras 3.

It needs tensorflow-probability 0.23, which cannot be imported where `tf.keras`
is Keras 3. With `TF_USE_LEGACY_KERAS=1` in the environment when `tf.keras` is
first used, it is the package tf_keras instead. `import keras` is Keras 3 either
way.
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

    Sets `TF_USE_LEGACY_KERAS=1` before, unless the variable is set already. It
    stays set, as processes that TF-Agents starts need it as well; if the import
    fails, the environment is what it was.

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
            # About distutils and NumPy 2, which its last release will not mend.
            warnings.simplefilter("ignore")
            importlib.import_module("tf_agents")
    # Not an ImportError: tensorflow-probability fails by an AttributeError.
    except Exception as error:
        if given is None:
            del os.environ[FLAG]
        raise ImportError(
            "TF-Agents must be importable. It raised "
            f"{type(error).__name__}: {error} Received: {FLAG}={given!r}, "
            f"{_versions()}. Set {FLAG}=1 before anything uses `tf.keras`, "
            "best in the environment that Python is started from, and install "
            "the versions that `pip install 'keras-cem[tf-agents]'` chooses."
        ) from error


def _use_tf_keras() -> None:
    """Makes `tf.keras` the package tf_keras, in all the ways it is reached."""
    import tensorflow as tf

    # What it is, is settled when it is first used.
    kind = tf.keras.Model.__module__.partition(".")[0]
    if "tensorflow.keras" in sys.modules or kind != "tf_keras":
        raise RuntimeError("`tf.keras` has been used, and is Keras 3.")
    # TF-Agents' `from tensorflow.keras import layers` would go by a path that
    # was settled when TensorFlow was imported, and make it Keras 3 again.
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
