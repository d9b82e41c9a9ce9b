"""What XLA can compile, and what is said where it cannot."""

import warnings
from collections.abc import Callable
from typing import Any

import tensorflow as tf

from keras_cem import spaces

# What XLA raises at the first call of what it cannot compile.
NOT_COMPILABLE = (
    tf.errors.InvalidArgumentError,
    tf.errors.UnimplementedError,
    tf.errors.NotFoundError,
)
POLICY_ACTS = "the policy, which acts"


def compilable(
    policy: Any, observation_space: spaces.Space, batch_size: int
) -> bool:
    """Whether XLA can compile a policy; warns, with the reason, if not.

    Args:
        policy: Callable layer from observations to outputs.
        observation_space: Space of one observation.
        batch_size: Number of observations to try with.
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
    """Whether XLA can compile a function; runs it, warns if it cannot.

    Args:
        function: Returns tensors.
        what: What it is, and what it does where it cannot be compiled.
    """
    try:
        # Not by a call, for each of which TensorFlow counts a tracing, and
        # warns of many.
        tf.function(
            function, jit_compile=True, autograph=False
        ).get_concrete_function()()
    except NOT_COMPILABLE as error:
        warn_not_compiled(error, what)
        return False
    return True


def warn_not_compiled(error: Exception, what: str) -> None:
    """Warns that something runs without XLA, and says why."""
    warnings.warn(
        f"XLA cannot compile {what} without it, more slowly: "
        f"{str(error).splitlines()[0]}",
        stacklevel=3,
    )
