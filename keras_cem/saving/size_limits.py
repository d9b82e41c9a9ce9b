"""Size limits for models loaded from files.

A configuration of a few bytes can ask for more memory than the machine has.
A file may come from an untrusted source, so sizes are checked before memory is
allocated.
"""

import math
import random
from typing import Any

import keras
import tensorflow as tf

from keras_cem import spaces

# Largest number of weights of a policy, and of elements of any tensor in its
# forward pass; 1 GiB of float32. To load a larger policy of your own, set
# `keras_cem.limits.MAX_SIZE = ...` first.
MAX_SIZE = 2**28
# The largest float32. A run writes no larger number. Larger numbers overflow
# in sums and plots.
MAX_NUMBER = (2.0 - 2.0**-23) * 2.0**127


def check_policy(config: dict[str, Any], observation_space: Any) -> None:
    """Refuses the configuration of a policy that is too large.

    The policy is built and called in a temporary graph, in which variables and
    tensors have shapes but no memory.

    Args:
        config: Configuration from `keras.saving.serialize_keras_object`.
        observation_space: Space of one observation; None if not known.

    Raises:
        ValueError: If the policy has more than `MAX_SIZE` weights, or a tensor
            with more than `MAX_SIZE` elements.
    """
    # Layers without a seed draw one from Python's `random` when they are built.
    state = random.getstate()
    try:
        with tf.Graph().as_default() as graph:
            policy = keras.saving.deserialize_keras_object(_unshared(config))
            if not isinstance(policy, keras.Layer):
                return
            _check_size(policy, "weights", _sizes(policy.variables))
            if observation_space is None:
                return
            space = spaces.get(observation_space, "observation_space")
            batch = [
                tf.zeros((2, *leaf.shape), leaf.dtype) for leaf in space.leaves
            ]
            policy(space.pack(batch))
            # Some policies create their weights in the first call.
            _check_size(policy, "weights", _sizes(policy.variables))
            tensors = [
                tensor
                for operation in graph.get_operations()
                for tensor in operation.outputs
                if tensor.shape.is_fully_defined()
            ]
            _check_size(
                policy,
                "numbers in a tensor",
                max(_sizes([tensor]) for tensor in tensors),
            )
    finally:
        random.setstate(state)


def _sizes(arrays: Any) -> int:
    return sum(math.prod(array.shape) for array in arrays)


def _check_size(policy: keras.Layer, what: str, size: int) -> None:
    if size > MAX_SIZE:
        raise ValueError(
            f"`policy` of a saved agent must have at most {MAX_SIZE:,} "
            f"{what}. Received: policy={policy.name!r} with {size:,}. If you "
            "trust the file, increase `keras_cem.limits.MAX_SIZE`."
        )


def _unshared(config: Any) -> Any:
    """Returns a copy from which Keras makes objects that are not shared."""
    if isinstance(config, dict):
        return {
            key: _unshared(value)
            for key, value in config.items()
            if key != "shared_object_id"
        }
    if isinstance(config, (list, tuple)):
        return type(config)(_unshared(value) for value in config)
    return config
