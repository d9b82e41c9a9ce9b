"""Checks that a policy's outputs fit a head."""

from collections.abc import Iterable

import keras
import tensorflow as tf

from keras_cem import spaces
from keras_cem.heads.base import Head
from keras_cem.heads.choices import ChoicesHead
from keras_cem.utils.tensors import Nest


def check_outputs(head: Head, outputs: Nest, policy: str) -> None:
    """Refuses outputs that do not fit the action space.

    Args:
        head: The head that acts on the outputs.
        outputs: The policy's outputs for a batch.
        policy: Name of the policy, for the error message.

    Raises:
        ValueError: If the outputs are not a nest of float tensors with the
            shapes of the head. In a nested space, the message gives the path
            to the wrong part.
    """
    space = head.space
    try:
        parts = head.parts(outputs)
    except ValueError as error:
        raise ValueError(
            "`policy` must return outputs with the structure of the action "
            f"space: {error}, from policy={policy!r}"
        ) from None
    for part, path, shape in zip(
        parts,
        space.leaf_paths,
        space.flatten(head.output_shape),
        strict=True,
    ):
        where = f" in {spaces.at('outputs', path)}" if path else ""
        is_tensor = tf.is_tensor(part)
        if not (is_tensor and part.dtype.is_floating):
            returned = part.dtype.name if is_tensor else type(part)
            raise ValueError(
                f"`policy` must return one float tensor{where}. Received: "
                f"policy={policy!r}, which returned {returned}"
            )
        if tuple(part.shape[1:]) != tuple(shape) or part.shape.rank == 0:
            raise ValueError(
                f"`policy` must return outputs of shape {_batch(shape)}{where} "
                f"for action_space={space}. Received: policy={policy!r}, which "
                f"returned shape {_batch(part.shape[1:])}"
            )


def check_last_layer(head: Head, policy: keras.Layer) -> None:
    """Refuses a policy whose last layer is a softmax where logits are needed.

    Only a Keras model shows its last layer; other layers pass.

    Args:
        head: The head that acts on the outputs.
        policy: A layer, built.

    Raises:
        ValueError: If the head takes logits, and the last layer is a softmax.
            The softmax of a softmax is nearly uniform.
    """
    if not isinstance(head, ChoicesHead):
        return
    try:
        last = policy.layers[-1]
    except (AttributeError, IndexError):
        return
    activation = getattr(last, "activation", None)
    if (
        isinstance(last, keras.layers.Softmax)
        or activation is keras.activations.softmax
    ):
        raise ValueError(
            "`policy` must return logits for discrete actions, because the "
            f"agent applies the softmax. Received: policy={policy.name!r}, "
            f"whose last layer, {last.name!r}, is a softmax. Remove the "
            "softmax."
        )


def _batch(shape: Iterable[int]) -> str:
    return f"(batch, {', '.join(map(str, shape))})"
