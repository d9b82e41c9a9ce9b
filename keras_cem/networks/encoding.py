"""From one array of an observation to what a network takes."""

from typing import Any

import keras
import numpy as np

from keras_cem import spaces
from keras_cem.networks.arguments import as_integers
from keras_cem.networks.cnn import convolution_stack
from keras_cem.networks.layer_factory import LayerFactory
from keras_cem.networks.layers import (
    CategoryIndex,
    FloatVector,
    MultiOneHot,
    OneHot,
)

# An image has as many channels at most where they stand first.
_MAX_CHANNELS = 4


def is_image(leaf: spaces.Leaf) -> bool:
    """Whether observations are images: bytes of 0 to 255, of 2 or 3 axes."""
    return _is_bytes(leaf) and len(leaf.shape) in (2, 3)


def is_category(leaf: spaces.Leaf) -> bool:
    """Whether the values of a space are names rather than sizes."""
    return isinstance(leaf, (spaces.Discrete, spaces.MultiDiscrete))


def encode(
    x: Any,
    leaf: spaces.Leaf,
    *,
    embedding: int | None,
    filters: Any,
    name: str,
    **knobs: Any,
) -> Any:
    """Encodes one array of an observation.

    Args:
        x: `keras.KerasTensor` of shape `(batch_size, *leaf.shape)`.
        leaf: Its space.
        embedding: Size of the vector that is trained for each value of a
            `Discrete` or `MultiDiscrete`; None for one-hot vectors.
        filters: As in `convolution_stack`.
        name: The layers are named after it.
        **knobs: Arguments of `convolution_stack`.

    Returns:
        `keras.KerasTensor` of shape `(batch_size, ...)`: `x` itself where
        nothing is to be done.
    """
    if is_category(leaf):
        return _encode_category(x, leaf, embedding, name, knobs)
    if not _is_bytes(leaf):
        return x
    if is_image(leaf):
        x = _channels_last(x, name)
    x = keras.layers.Rescaling(1 / 255, name=f"{name}_scaled")(x)
    if is_image(leaf):
        x = convolution_stack(
            x, filters=filters, name=f"{name}_convolution", **knobs
        )
    return x


def join(tensors: list[Any], names: list[str]) -> Any:
    """Returns the vectors of several encodings, one after the other."""
    if len(tensors) == 1:
        return tensors[0]
    vectors = [
        FloatVector(name=f"{name}_vector")(x)
        for x, name in zip(tensors, names, strict=True)
    ]
    return keras.layers.Concatenate(name="joined")(vectors)


def _encode_category(
    x: Any,
    leaf: Any,
    embedding: int | None,
    name: str,
    knobs: dict[str, Any],
) -> Any:
    nvec = leaf.n if isinstance(leaf, spaces.Discrete) else leaf.nvec
    if embedding is None:
        one_hot: Any = (
            OneHot if isinstance(leaf, spaces.Discrete) else (MultiOneHot)
        )
        return one_hot(nvec, leaf.start, name=f"{name}_one_hot")(x)
    (size,) = as_integers("embedding", embedding, (embedding,), "an int")
    layers = LayerFactory(
        knobs["kernel_initializer"],
        knobs["bias_initializer"],
        knobs["l1"],
        knobs["l2"],
        knobs["seed"],
    )
    index = CategoryIndex(nvec, leaf.start, name=f"{name}_index")(x)
    count = int(np.sum(nvec))
    return layers.embedding(index, count, size, f"{name}_embedding")


def _is_bytes(leaf: spaces.Leaf) -> bool:
    return (
        isinstance(leaf, spaces.Box)
        and leaf.dtype == np.uint8
        and bool(np.all(leaf.low == 0) and np.all(leaf.high == 255))
    )


def _channels_last(x: Any, name: str) -> Any:
    """An image with its channels on the last axis."""
    shape = x.shape[1:]
    if len(shape) == 2:
        return keras.layers.Reshape((*shape, 1), name=f"{name}_channel")(x)
    # gymnasium's FrameStackObservation puts the frames first.
    if shape[0] <= _MAX_CHANNELS < shape[2]:
        return keras.layers.Permute((2, 3, 1), name=f"{name}_channels_last")(x)
    return x
