"""Tests whether XLA can compile a function, and warns if it cannot."""

import warnings
from collections.abc import Callable
from typing import Any

import tensorflow as tf

from keras_cem import spaces
from keras_cem.engines.policies import Policy

# Exceptions at the first call of a function that XLA cannot compile.
NOT_COMPILABLE = (
    tf.errors.InvalidArgumentError,
    tf.errors.UnimplementedError,
    tf.errors.NotFoundError,
)
POLICY_ACTS = "the policy"


def compilable(
    policy: Policy, observation_space: spaces.Space, batch_size: int
) -> bool:
    """Whether XLA can compile a policy; warns with the reason if not.

    Args:
        policy: Callable layer from observations to outputs.
        observation_space: Space of one observation.
        batch_size: Number of observations in the test call.
    """
    zeros = [
        tf.zeros((batch_size, *leaf.shape), leaf.dtype)
        for leaf in observation_space.leaves
    ]

    return runs_compiled(
        lambda: policy(observation_space.pack(zeros), training=False),
        POLICY_ACTS,
    )


def runs_compiled(function: Callable[[], Any], what: str) -> bool:
    """Whether XLA can compile a function; runs it and warns if not.

    Args:
        function: Function that returns tensors.
        what: Its name and its activity for the warning, such as
            `POLICY_ACTS`.
    """
    try:
        # A concrete function, because TensorFlow counts a tracing for each
        # call and warns if there are many.
        tf.function(
            function, jit_compile=True, autograph=False
        ).get_concrete_function()()
    except NOT_COMPILABLE as error:
        warn_not_compiled(error, what)
        return False
    return True


def warn_not_compiled(error: Exception, what: str) -> None:
    """Warns, with the reason, that a function runs without XLA."""
    warnings.warn(
        f"XLA cannot compile {what}, which runs without XLA, more slowly: "
        f"{str(error).splitlines()[0]}",
        stacklevel=3,
    )
