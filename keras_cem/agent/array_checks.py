"""The loss on the arrays given to `fit(x, y)`, and checks of their shapes.

Arrays of a wrong shape could broadcast without an error.
"""

from typing import Protocol

import tensorflow as tf

from keras_cem import heads, spaces
from keras_cem.algorithm import gradient_steps
from keras_cem.algorithm.learner import Model
from keras_cem.spaces.base import Path
from keras_cem.utils.tensors import Array, Nest


class ArrayLearner(Model, Protocol):
    """What the loss on arrays needs of an agent."""

    action_space: spaces.Space
    training_head: heads.Head
    loss_weight: float


def loss(
    agent: ArrayLearner, y: Nest, y_pred: Nest, sample_weight: Array | None
) -> tf.Tensor:
    """Returns the head's mean loss, with the model's own losses.

    Args:
        agent: A compiled `CEMAgent`.
        y: Batch of actions, or a nest of batches for a nested space.
        y_pred: The outputs of the policy.
        sample_weight: Numbers of shape `(N,)` or `(N, 1)`, or None.

    Raises:
        ValueError: If an array has a wrong shape.
    """
    losses = agent.training_head.loss(y_pred, actions(y, agent.action_space))
    if sample_weight is not None:
        losses *= weights(sample_weight, losses)
    own = gradient_steps.penalties(agent)
    return agent.loss_weight * tf.reduce_mean(losses) + own


def actions(y: Nest, space: spaces.Space) -> Nest:
    """Returns actions in the shape of the action space, one row each.

    If an action is a single number, a last axis of size 1 is dropped.

    Args:
        y: Batch of actions, or a nest of batches for a nested space.
        space: The action space.

    Raises:
        ValueError: If a part has another shape.
    """
    leaves = zip(
        space.flatten(y, "y"), space.leaves, space.leaf_paths, strict=True
    )
    return space.pack(
        [_action(value, leaf, path) for value, leaf, path in leaves]
    )


def _action(value: Array, leaf: spaces.Leaf, path: Path) -> tf.Tensor:
    value = tf.convert_to_tensor(value)
    shape = value.shape
    if shape.rank is None:
        # Keras traced its step for several shapes.
        return tf.reshape(value, (-1, *leaf.shape))
    if shape[1:] == leaf.shape:
        return value
    if leaf.shape == () and shape[1:] == (1,):
        return tf.squeeze(value, axis=-1)
    if leaf.shape == (1,) and shape.rank == 1:
        return value[:, tf.newaxis]
    raise ValueError(
        f"`{spaces.at('y', path)}` must be actions of shape "
        f"{('N', *leaf.shape)}. Received: shape {tuple(shape)}. "
        f"Each row is one action of {leaf}."
    )


def weights(sample_weight: Array, losses: tf.Tensor) -> tf.Tensor:
    """Returns sample weights as one number per row.

    Args:
        sample_weight: Numbers of shape `(N,)` or `(N, 1)`.
        losses: float tensor `(N,)` that the weights multiply.

    Raises:
        ValueError: If they have another shape.
    """
    given = tf.cast(sample_weight, losses.dtype)
    if given.shape.rank is None:
        # Keras traced its step for both shapes. The reshape fails at run time
        # if the sizes differ.
        return tf.reshape(given, tf.shape(losses))
    weight = given
    if given.shape.rank == 2 and given.shape[1] == 1:
        weight = tf.squeeze(given, axis=-1)
    if weight.shape.rank == 1 and weight.shape.is_compatible_with(losses.shape):
        # A graph may not know the size. It is then checked at run time.
        return tf.ensure_shape(weight, losses.shape)
    raise ValueError(
        "`sample_weight` must be one number per row, of shape (N,) or (N, 1). "
        f"Received: sample_weight of shape {tuple(given.shape)} for "
        f"{losses.shape[0]} rows"
    )
