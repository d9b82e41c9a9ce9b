"""Encodes one array of an observation for a network."""

from collections.abc import Collection
from typing import Any

import keras
import numpy as np

from keras_cem import spaces
from keras_cem.networks.cnn import convolution_stack
from keras_cem.networks.layer_factory import LayerFactory
from keras_cem.networks.layers import (
    CategoryIndex,
    FloatVector,
    MultiOneHot,
    OneHot,
)
from keras_cem.utils.checks import as_integer

# Largest number of channels of an image with channels first.
_MAX_CHANNELS = 4
# Bytes with at least this number of rows and columns are images, whatever their
# first values are. Images of Atari and CarRacing have 84 and 96.
_PICTURE_SIDE = 36
# Bytes with fewer rows or columns are not images. MiniGrid's views have 7.
_GRID_SIDE = 8
# Largest code of a category. An image has brighter pixels.
_MAX_CODE = 31

# Description of an encoding, by the suffix of its layer's name.
_DESCRIPTIONS = {
    "convolution_1": "image, divided by 255, then convolutions",
    "scaled": "divided by 255",
    "one_hot": "one-hot",
    "embedding": "embedding",
}


def is_image(leaf: spaces.Leaf) -> bool:
    """Whether a leaf can be an image: bytes from 0 to 255 with 2 or 3 axes."""
    return is_bytes(leaf) and len(leaf.shape) in (2, 3)


def is_bytes(leaf: spaces.Leaf) -> bool:
    """Whether a leaf holds bytes from 0 to 255."""
    return (
        isinstance(leaf, spaces.Box)
        and leaf.dtype == np.uint8
        and bool(np.all(leaf.low == 0) and np.all(leaf.high == 255))
    )


def has_bytes(space: spaces.Space) -> bool:
    """Whether any leaf of a space holds bytes from 0 to 255."""
    return any(is_bytes(leaf) for leaf in space.leaves)


def kind_of_bytes(leaf: spaces.Leaf, image: bool | None, seen: Any) -> str:
    """Returns the kind of bytes: `"image"`, `"bytes"` or `"codes"`.

    Images have at least 36 rows and columns. Bytes with at least 8 rows and
    columns are also images, unless all values in `seen` are below 32. Codes
    are numbers below 32 that name categories, such as kinds of objects on a
    grid. Bytes are other numbers.

    Args:
        leaf: A space that `is_bytes`.
        image: Whether bytes with 2 or 3 axes are images; None decides by shape
            and values.
        seen: Observations of the leaf, None if there are none.
    """
    largest = None if seen is None else int(np.max(seen))
    few = largest is not None and largest <= _MAX_CODE
    if not is_image(leaf):
        return "codes" if few and largest else "bytes"
    if image is None:
        side = min(_image_sides(leaf.shape))
        image = side >= _PICTURE_SIDE or (side >= _GRID_SIDE and not few)
    if image:
        return "image"
    return "codes" if few or largest is None else "bytes"


def is_category(leaf: spaces.Leaf) -> bool:
    """Whether the values of a space are categories."""
    return isinstance(leaf, (spaces.Discrete, spaces.MultiDiscrete))


def encode(
    x: Any,
    leaf: spaces.Leaf,
    *,
    embedding: int | None,
    filters: Any,
    name: str,
    kind: str | None = None,
    **knobs: Any,
) -> Any:
    """Encodes one array of an observation.

    Args:
        x: `keras.KerasTensor` of shape `(batch_size, *leaf.shape)`.
        leaf: Space of the array.
        embedding: Size of the trained vector for each value of a `Discrete` or
            `MultiDiscrete`; None for one-hot vectors.
        filters: As in `convolution_stack`.
        name: Prefix of the names of the layers.
        kind: Kind of bytes, as `kind_of_bytes` returns it. Defaults to `None`:
            images if `is_image`, else bytes.
        **knobs: Arguments of `convolution_stack`.

    Returns:
        `keras.KerasTensor` of shape `(batch_size, ...)`; `x` itself if the
        space needs no encoding.
    """
    if is_category(leaf):
        return _encode_category(x, leaf, embedding, name, knobs)
    if not is_bytes(leaf):
        return x
    if kind is None:
        kind = "image" if is_image(leaf) else "bytes"
    if kind == "codes":
        return x
    if kind == "image":
        x = _channels_last(x, name)
    x = keras.layers.Rescaling(1 / 255, name=f"{name}_scaled")(x)
    if kind == "image":
        x = convolution_stack(
            x, filters=filters, name=f"{name}_convolution", **knobs
        )
    return x


def join(tensors: list[Any], names: list[str]) -> Any:
    """Flattens several encodings and concatenates them."""
    if len(tensors) == 1:
        return tensors[0]
    vectors = [
        FloatVector(name=f"{name}_vector")(x)
        for x, name in zip(tensors, names, strict=True)
    ]
    return keras.layers.Concatenate(name="joined")(vectors)


def described(layer_names: Collection[str], name: str, leaf: Any) -> str:
    """Describes the encoding of an array of an observation.

    Args:
        layer_names: Names of the layers of the network.
        name: As given to `encode`.
        leaf: As given to `encode`.
    """
    what = "category codes, unchanged" if is_bytes(leaf) else "unchanged"
    for suffix, found in _DESCRIPTIONS.items():
        if f"{name}_{suffix}" in layer_names:
            what = found
            break
    return f"{type(leaf).__name__} {leaf.dtype.name} {leaf.shape}, {what}"


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
    size = as_integer("embedding", embedding, "an int", minimum=1)
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


def _image_sides(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Returns the number of rows and columns of an image."""
    return shape[1:] if _channels_first(shape) else shape[:2]


def _channels_first(shape: tuple[int, ...]) -> bool:
    # Gymnasium's FrameStackObservation puts the frames first.
    return len(shape) == 3 and shape[0] <= _MAX_CHANNELS < shape[2]


def _channels_last(x: Any, name: str) -> Any:
    """Returns an image with its channels on the last axis."""
    shape = x.shape[1:]
    if len(shape) == 2:
        return keras.layers.Reshape((*shape, 1), name=f"{name}_channel")(x)
    if _channels_first(shape):
        return keras.layers.Permute((2, 3, 1), name=f"{name}_channels_last")(x)
    return x
