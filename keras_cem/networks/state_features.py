"""Features of an observation for `"state"` noise."""

import math
from typing import Any

import numpy as np
import tensorflow as tf

from keras_cem import heads, spaces
from keras_cem.networks.normalization import NormalizedPolicy


def check(head: heads.Head, space: spaces.Space) -> None:
    """Refuses an observation space without features for a head that observes.

    Args:
        head: The head that acts.
        space: Space of one observation.

    Raises:
        ValueError: If the head observes, and a leaf is not a Box of floats.
    """
    if not head.observes:
        return
    for leaf, path in zip(space.leaves, space.leaf_paths, strict=True):
        if not np.issubdtype(leaf.dtype, np.floating):
            where = spaces.at("observation_space", path)
            raise ValueError(
                "`noise` must not be 'state' if a part of the observation is "
                "not float, because this noise is a linear function of the "
                f"observation. Received: noise='state', {where}={leaf}"
            )


def observed(
    head: heads.Head, policy: Any, space: spaces.Space, observations: Any
) -> tf.Tensor | None:
    """Returns the features of observations for `Head.explore`.

    The features are all numbers of an observation and a constant 1. If the
    policy normalizes observations, the numbers are normalized.

    Args:
        head: The head that acts.
        policy: The policy of the head, or the agent.
        space: Space of one observation.
        observations: Batch of observations.

    Returns:
        float32 `(N, D)`; None if the head does not observe.
    """
    if not head.observes:
        return None
    if not isinstance(policy, NormalizedPolicy):
        # An agent with its own `call` has its policy as an attribute.
        policy = getattr(policy, "policy", None)
    if isinstance(policy, NormalizedPolicy):
        observations = policy.normalized(observations)
    flat = [
        tf.reshape(tf.cast(values, tf.float32), (-1, math.prod(leaf.shape)))
        for leaf, values in zip(
            space.leaves, space.flatten(observations), strict=True
        )
    ]
    return tf.concat([*flat, tf.ones_like(flat[0][:, :1])], axis=1)
