"""The only module that uses private or undocumented names of TF-Agents.

It does not import TF-Agents.
"""

from typing import Any

from keras_cem.utils import private_names

# Each name, with the version in which it was seen.
NAMES = {
    "ParallelPyEnvironment._flatten": "0.19.0",
    "ProcessPyEnvironment._pickled_env_constructor": "0.19.0",
    "TimeLimit.duration": "0.19.0",
    "FixedLength.fix_length": "0.19.0",
    "TFEnvironmentBaseWrapper._env": "0.19.0",
}
# The module that TensorFlow uses as `tf.keras` with tf_keras 2.21.
TF_KERAS = "tf_keras.api._v2.keras"


def pickled_maker(process: Any) -> bytes:
    """Returns the pickled constructor of a process's environment.

    `cloudpickle` made it.

    Args:
        process: A process of a `ParallelPyEnvironment`.
    """
    pickled: bytes = _read(
        process, "ProcessPyEnvironment._pickled_env_constructor"
    )
    return pickled


def takes_flat_actions(env: Any) -> bool:
    """Whether the processes of an environment expect flat lists of actions.

    Args:
        env: A `ParallelPyEnvironment`.
    """
    return bool(_read(env, "ParallelPyEnvironment._flatten"))


def limit(wrapper: Any) -> int:
    """Returns the number of steps after which a wrapper truncates.

    Args:
        wrapper: A `TimeLimit` or `FixedLength`.
    """
    is_fixed = type(wrapper).__name__ == "FixedLength"
    name = "FixedLength.fix_length" if is_fixed else "TimeLimit.duration"
    return int(_read(wrapper, name))


def wrapped(env: Any) -> Any:
    """Returns the environment inside of a wrapper of a `TFEnvironment`.

    Args:
        env: A `TFEnvironmentBaseWrapper`.
    """
    return _read(env, "TFEnvironmentBaseWrapper._env")


def _read(owner: Any, name: str) -> Any:
    return private_names.read(owner, name, "tf-agents", NAMES)
