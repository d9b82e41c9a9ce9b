"""The default networks: a policy for two spaces, and a critic for one."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from keras_cem import heads, spaces
from keras_cem.networks import encoding, trunk
from keras_cem.networks.layer_factory import derive_seed
from keras_cem.networks.mlp import output_layer
from keras_cem.networks.normalization import NormalizedPolicy


def default_policy(
    observation_space: Any,
    action_space: Any,
    *,
    action_scale: Any = None,
    embedding: int | None = None,
    filters: Sequence[int] | None = None,
    image: bool | None = None,
    observation: Any = None,
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

    Each array of an observation is encoded according to its space:

    | space | encoding |
    |---|---|
    | `Box` | as it is |
    | `Box` of bytes, from 0 to 255 | divided by 255 |
    | `Box` of bytes that hold codes of categories | as it is |
    | `Box` of bytes, an image | divided by 255, then `convolution_stack` |
    | `Discrete` | one-hot, or an embedding |
    | `MultiDiscrete` | one-hot vectors joined, or embeddings |
    | `MultiBinary` | as it is |

    The encodings of a `Dict` or `Tuple` are flattened and concatenated. The
    hidden layers follow, then one output layer per array of an action. The
    outputs for a `Box` have mean about 0 and size about 1 before training.
    They are shifted to the middle of the box and scaled by its half-width.
    They are not bounded; actions are clipped.

    Bytes with 2 or 3 axes are an image if they have at least 36 rows and
    columns. With at least 8 rows and columns they are an image unless all
    values of `observation` are below 32. Such values are codes, for example
    kinds of objects on a grid. With fewer than 8 rows or columns they are not
    an image. `image` overrides this rule. `fit` reports the encodings it chose.

    The last axis of an image holds its channels. If the first axis has at most
    4 entries and the last axis more, the first axis holds them.

    Args:
        observation_space: gymnasium space or its description.
        action_space: gymnasium space or its description.
        action_scale: As in `CEMAgent`. Defaults to `None`.
        embedding: Size of the trained vector for each value of a `Discrete` or
            `MultiDiscrete` observation. Defaults to `None`: one-hot vectors.
        filters: Number of filters of each convolution, as in
            `convolution_stack`. If given, bytes with 2 or 3 axes are images.
            Defaults to `None`.
        image: Whether bytes with 2 or 3 axes are images. Defaults to `None`:
            decided by their shape and by `observation`.
        observation: A batch of observations of the environment, one array per
            leaf of the space. It distinguishes codes from other bytes.
            Defaults to `None`.
        hidden_units: As in `mlp`. Defaults to `(128,)`.
        activation: As in `mlp`; also used for convolutions. Defaults to
            `"relu"`.
        output_activation: As in `mlp`. Defaults to `None`.
        kernel_initializer: As in `mlp`; also used for embeddings. Defaults to
            `"glorot_uniform"`.
        bias_initializer: As in `mlp`. Defaults to `"zeros"`.
        l1: As in `mlp`. Defaults to `0.0`.
        l2: As in `mlp`. Defaults to `0.0`.
        dropout: As in `mlp`. Defaults to `0.0`.
        batch_normalization: As in `mlp`. Defaults to `False`.
        seed: As in `mlp`. Defaults to `None`.
        name: Name of the model. Defaults to `"policy"`.

    Returns:
        A functional `keras.Model`. It takes raw observations of the space's
        dtypes. Its input is called `observations`; for a nested space, inputs
        are called after the keys. It returns outputs with the structure of the
        action space.

    Raises:
        ValueError: If there is no default network for a space, or an argument
            has no effect on these spaces.
    """
    observed = spaces.get(observation_space, "observation_space")
    head = heads.for_space(
        spaces.get(action_space, "action_space"), action_scale=action_scale
    )
    initial = {
        "kernel_initializer": kernel_initializer,
        "bias_initializer": bias_initializer,
        "l1": l1,
        "l2": l2,
        "seed": seed,
    }
    inputs, x = trunk.hidden_layers(
        observed,
        embedding=embedding,
        filters=filters,
        image=image,
        observation=observation,
        hidden_units=hidden_units,
        dropout=dropout,
        activation=activation,
        batch_normalization=batch_normalization,
        **initial,
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
    return trunk.model(observed.pack(inputs), acted.pack(outputs), name)


def default_critic(
    observation_space: Any,
    *,
    seed: int | None = None,
    name: str = "critic",
    **network: Any,
) -> keras.Model:
    """Returns an untrained critic from observations to one number.

    Its network is that of `default_policy`, with other random weights and one
    output, whose weights begin with 0: at first every value is 0.

    Args:
        observation_space: As in `default_policy`.
        seed: As in `mlp`. Defaults to `None`.
        name: Name of the model. Defaults to `"critic"`.
        **network: Further arguments of `default_policy` that concern
            observations and hidden layers.

    Returns:
        A functional `keras.Model`. It takes batches of raw observations and
        returns a tensor `(batch, 1)`.
    """
    observed = spaces.get(observation_space, "observation_space")
    inputs, x = trunk.hidden_layers(
        observed, seed=derive_seed(seed, name), **network
    )
    value = output_layer(
        x, 1, kernel_initializer="zeros", seed=seed, name="value"
    )
    return trunk.model(observed.pack(inputs), value, name)


def describe(policy: Any, observation_space: spaces.Space) -> dict[str, str]:
    """Returns how a network of `default_policy` encodes observations.

    The layers of the network tell the encoding, so this also works for a
    loaded network.

    Args:
        policy: The network.
        observation_space: Space of one observation.

    Returns:
        Dictionary from the name of each input to its space and encoding. Empty
        for a network that `default_policy` did not make.
    """
    if isinstance(policy, NormalizedPolicy):
        policy = policy.policy
    if not isinstance(policy, keras.Model):
        return {}
    layer_names = {layer.name for layer in policy.layers}
    names = observation_space.leaf_names
    if not layer_names.issuperset(names) or not any(
        name.startswith("outputs") for name in layer_names
    ):
        return {}
    return {
        name: encoding.described(layer_names, name, leaf)
        for name, leaf in zip(names, observation_space.leaves, strict=True)
    }


def _branch(
    x: Any,
    leaf: spaces.Leaf,
    output_shape: tuple[int, ...],
    action_scale: Any,
    name: str,
    name_to_box: str,
    knobs: dict[str, Any],
) -> Any:
    """Returns the outputs for one array of an action."""
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
