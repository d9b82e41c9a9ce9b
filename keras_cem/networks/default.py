"""The network that suits a pair of spaces."""

import warnings
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from keras_cem import checks, heads, spaces
from keras_cem.networks.encoding import encode, is_category, is_image, join
from keras_cem.networks.mlp import hidden_stack, output_layer


def default_policy(
    observation_space: Any,
    action_space: Any,
    *,
    action_scale: Any = None,
    embedding: int | None = None,
    filters: Sequence[int] | None = None,
    hidden_units: Sequence[int] = (128,),
    activation: Any = "relu",
    output_activation: Any = None,
    kernel_initializer: Any = "glorot_uniform",
    bias_initializer: Any = "zeros",
    l1: float = 0.0,
    l2: float = 0.0,
    dropout: float = 0.0,
    batch_normalization: bool = False,
    seed: int | None = None,
    name: str = "policy",
) -> keras.Model:
    """Returns an untrained policy from observations to logits or actions.

    Each array of an observation is encoded as suits its space:

    | space | encoding |
    |---|---|
    | `Box` | as it is |
    | `Box` of bytes, from 0 to 255 | divided by 255 |
    | the same with 2 or 3 axes, an image | then `convolution_stack` |
    | `Discrete` | one-hot, or an embedding |
    | `MultiDiscrete` | one-hot vectors joined, or embeddings |
    | `MultiBinary` | as it is |

    Those of a `Dict` or `Tuple` are flattened and joined. Hidden layers follow,
    and one output layer for each array of an action. For a `Box` of actions
    its outputs, which are about 0 at first and of size 1, are moved to the
    middle of the box and scaled by its half-width; they are not bounded,
    actions are clipped.

    The channels of an image are taken to stand last; they stand first if there
    are at most 4 of them there, and more on the last axis.

    Args:
        observation_space: gymnasium space or its description.
        action_space: gymnasium space or its description.
        action_scale: As in `CEMAgent`. Defaults to `None`.
        embedding: Size of the vector that is trained for each value of a
            `Discrete` or `MultiDiscrete` observation. Defaults to `None`:
            one-hot vectors.
        filters: Filters of each convolution of an image, as in
            `convolution_stack`. Defaults to `None`.
        hidden_units: As in `mlp`. Defaults to `(128,)`.
        activation: As in `mlp`; that of convolutions too. Defaults to
            `"relu"`.
        output_activation: As in `mlp`. Defaults to `None`.
        kernel_initializer: As in `mlp`; that of embeddings too. Defaults to
            `"glorot_uniform"`.
        bias_initializer: As in `mlp`. Defaults to `"zeros"`.
        l1: As in `mlp`. Defaults to `0.0`.
        l2: As in `mlp`. Defaults to `0.0`.
        dropout: As in `mlp`. Defaults to `0.0`.
        batch_normalization: As in `mlp`. Defaults to `False`.
        seed: As in `mlp`. Defaults to `None`.
        name: Name of the model. Defaults to `"policy"`.

    Returns:
        A functional `keras.Model` that takes raw observations of the space's
        dtypes, in an input called `observations`, or in inputs called after
        the keys of a nested space. What it returns is a nest as the action
        space is.

    Raises:
        ValueError: If there is no default network for a space, or an argument
            means nothing for these spaces.
    """
    observed = spaces.get(observation_space, "observation_space")
    head = heads.for_space(
        spaces.get(action_space, "action_space"), action_scale=action_scale
    )
    _check_use(observed, embedding=embedding, filters=filters)
    initial = {
        "kernel_initializer": kernel_initializer,
        "bias_initializer": bias_initializer,
        "l1": l1,
        "l2": l2,
        "seed": seed,
    }
    hidden = {
        "activation": activation,
        "batch_normalization": batch_normalization,
        **initial,
    }
    names = observed.leaf_names
    inputs = [
        keras.Input(leaf.shape, dtype=leaf.dtype.name, name=leaf_name)
        for leaf, leaf_name in zip(observed.leaves, names, strict=True)
    ]
    encoded = [
        encode(
            x,
            leaf,
            embedding=embedding,
            filters=filters,
            name=x.name,
            **hidden,
        )
        for x, leaf in zip(inputs, observed.leaves, strict=True)
    ]
    x = hidden_stack(
        join(encoded, names),
        hidden_units=hidden_units,
        dropout=dropout,
        **hidden,
    )
    acted = head.space
    outputs = [
        _branch(
            x,
            leaf,
            size,
            scale,
            output_name,
            to_box_name,
            {"activation": output_activation, **initial},
        )
        for leaf, size, scale, output_name, to_box_name in zip(
            acted.leaves,
            acted.flatten(head.output_shape),
            heads.leaf_scales(acted, action_scale),
            acted.name_leaves("outputs", prefix=True),
            acted.name_leaves("to_box", prefix=True),
            strict=True,
        )
    ]
    with warnings.catch_warnings():
        # Inputs cannot be called after every key, such as `joint/angle`, which
        # Keras warns of.
        warnings.filterwarnings("ignore", "When providing `inputs` as a dict")
        return keras.Model(
            observed.pack(inputs), acted.pack(outputs), name=name
        )


def _branch(
    x: Any,
    leaf: spaces.Leaf,
    output_shape: tuple[int, ...],
    action_scale: Any,
    name: str,
    name_to_box: str,
    knobs: dict[str, Any],
) -> Any:
    """The outputs for one array of an action."""
    outputs = output_layer(x, output_shape, name=name, **knobs)
    if not isinstance(leaf, spaces.Box):
        return outputs
    bounded = np.isfinite(leaf.low) & np.isfinite(leaf.high)
    with np.errstate(invalid="ignore", over="ignore"):
        middle = np.where(bounded, leaf.low / 2 + leaf.high / 2, 0.0)
        half = np.where(bounded, leaf.high / 2 - leaf.low / 2, 1.0)
    scale = half if action_scale is None else np.asarray(action_scale)
    if np.all(scale == 1.0) and np.all(middle == 0.0):
        return outputs
    return keras.layers.Rescaling(
        np.broadcast_to(scale, leaf.shape).tolist(),
        middle.tolist(),
        name=name_to_box,
    )(outputs)


def _check_use(space: spaces.Space, *, embedding: Any, filters: Any) -> None:
    """Refuses what would mean nothing, rather than ignore it."""
    leaves = space.leaves
    if not any(is_category(leaf) for leaf in leaves):
        checks.only_for(
            "Discrete and MultiDiscrete observations", embedding=embedding
        )
    if not any(is_image(leaf) for leaf in leaves):
        checks.only_for("observations of images", filters=filters)
