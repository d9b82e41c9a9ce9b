"""How large may be what a file describes: checked before memory is taken.

A configuration of a few bytes can ask for more memory than there is. What an
agent is loaded from may come from a stranger, so sizes are checked first.
"""

import math
import random
from typing import Any

import keras
import tensorflow as tf

from keras_cem import spaces

# Weights of a policy, and numbers in any tensor as it acts; 1 GiB of float32.
# A larger policy of your own loads after `keras_cem.limits.MAX_SIZE = ...`.
MAX_SIZE = 2**28
# The largest float32. No number that a run writes is larger; larger ones
# overflow where they are summed or drawn.
MAX_NUMBER = (2.0 - 2.0**-23) * 2.0**127


def check_policy(config: dict[str, Any], observation_space: Any) -> None:
    """Refuses the configuration of a policy that is too large.

    The policy is built and called in a graph that is thrown away, where
    variables and tensors have shapes but no memory.

    Args:
        config: What `keras.saving.serialize_keras_object` made of the policy.
        observation_space: Description of an observation; None if not known.

    Raises:
        ValueError: If it has more than `MAX_SIZE` weights, or makes a tensor
            with more numbers.
    """
    # Building draws the seeds of layers that have none from Python's `random`.
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
            # Some make their weights only now.
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
            f"`policy` of a saved agent must have at most {MAX_SIZE:,} {what}. "
            f"Received: policy={policy.name!r} with {size:,}. If you trust it, "
            "set `keras_cem.limits.MAX_SIZE`."
        )


def _unshared(config: Any) -> Any:
    """A copy from which Keras makes objects that it shares with no others."""
    if isinstance(config, dict):
        return {
            key: _unshared(value)
            for key, value in config.items()
            if key != "shared_object_id"
        }
    if isinstance(config, (list, tuple)):
        return type(config)(_unshared(value) for value in config)
    return config
