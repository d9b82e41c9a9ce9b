"""What noise of the state sees of an observation."""

import math
from typing import Any

import numpy as np
import tensorflow as tf

from keras_cem import heads, spaces
from keras_cem.networks.normalization import NormalizedPolicy


def check(head: heads.Head, space: spaces.Space) -> None:
    """Refuses observations that have no features a head could explore by.

    Args:
        head: The head that is to act.
        space: Space of one observation.

    Raises:
        ValueError: If the head observes, and a part is not a Box of floats.
    """
    if not head.observes:
        return
    for leaf, path in zip(space.leaves, space.leaf_paths, strict=True):
        if not np.issubdtype(leaf.dtype, np.floating):
            where = spaces.at("observation_space", path)
            raise ValueError(
                "`noise` must not be 'state' unless all of an observation are "
                "floats, of which it is a linear function. Received: "
                f"noise='state', {where}={leaf}"
            )


def observed(
    head: heads.Head, policy: Any, space: spaces.Space, observations: Any
) -> tf.Tensor | None:
    """Returns what `Head.explore` is given of observations.

    These are all numbers of an observation, as the policy's own normalisation
    leaves them, and a constant 1.

    Args:
        head: The head that is to act.
        policy: Its policy, or the agent.
        space: Space of one observation.
        observations: Batch of them.

    Returns:
        float32 `(N, D)`; None if the head does not observe.
    """
    if not head.observes:
        return None
    if not isinstance(policy, NormalizedPolicy):
        # An agent that acts by a `call` of its own holds its policy.
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
