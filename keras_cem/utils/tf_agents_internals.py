"""Names of TF-Agents that are private or undocumented, in this module only.

It does not import TF-Agents.
"""

from typing import Any

from keras_cem.utils import private_names

# The version that each name was seen in.
NAMES = {
    "ParallelPyEnvironment._flatten": "0.19.0",
    "ProcessPyEnvironment._pickled_env_constructor": "0.19.0",
    "TimeLimit.duration": "0.19.0",
    "FixedLength.fix_length": "0.19.0",
    "TFEnvironmentBaseWrapper._env": "0.19.0",
}
# The module that tf_keras 2.21 gives TensorFlow as `tf.keras`.
TF_KERAS = "tf_keras.api._v2.keras"


def pickled_maker(process: Any) -> bytes:
    """Returns what makes the environment of a process, by `cloudpickle`.

    Args:
        process: Of a `ParallelPyEnvironment`.
    """
    return _read(process, "ProcessPyEnvironment._pickled_env_constructor")


def takes_flat_actions(env: Any) -> bool:
    """Whether its processes expect the leaves of an action.

    Args:
        env: A `ParallelPyEnvironment`.
    """
    return _read(env, "ParallelPyEnvironment._flatten")


def limit(wrapper: Any) -> int:
    """Returns the number of steps after which a wrapper truncates.

    Args:
        wrapper: A `TimeLimit` or `FixedLength`.
    """
    is_fixed = type(wrapper).__name__ == "FixedLength"
    name = "FixedLength.fix_length" if is_fixed else "TimeLimit.duration"
    return _read(wrapper, name)


def wrapped(env: Any) -> Any:
    """Returns what a wrapper of a `TFEnvironment` wraps.

    Args:
        env: A `TFEnvironmentBaseWrapper`.
    """
    return _read(env, "TFEnvironmentBaseWrapper._env")


def _read(owner: Any, name: str) -> Any:
    return private_names.read(owner, name, "tf-agents", NAMES)
