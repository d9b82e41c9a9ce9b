"""A small convolutional network for images."""

import math
from collections.abc import Sequence
from typing import Any

import keras

from keras_cem.networks.layer_factory import LayerFactory, as_trainable
from keras_cem.utils.checks import as_integers

# Convolutions halve an image until height and width are at most this.
_SIZE = 8


def convolution_stack(
    x: Any,
    *,
    filters: Sequence[int] | None = None,
    activation: Any = "relu",
    kernel_initializer: Any = "glorot_uniform",
    bias_initializer: Any = "zeros",
    l1: float = 0.0,
    l2: float = 0.0,
    batch_normalization: bool = False,
    seed: int | None = None,
    name: str = "convolution",
) -> Any:
    """Applies convolutions to a Keras tensor of images and flattens the result.

    Each convolution has a 3 x 3 kernel and stride 2, which halves height and
    width. Batch normalization, if it is on, and the activation follow.

    Args:
        x: Float `keras.KerasTensor` of shape
            `(batch_size, height, width, channels)`, with values of about 1.
        filters: Ints, the number of filters of each convolution. Defaults to
            `None`: 16, then 32 for each further one. The number of
            convolutions, at least one, is such that height and width are at
            most 8 after the last one.
        activation: As in `mlp`. Defaults to `"relu"`.
        kernel_initializer: As in `mlp`. Defaults to `"glorot_uniform"`.
        bias_initializer: As in `mlp`. Defaults to `"zeros"`.
        l1: As in `mlp`. Defaults to `0.0`.
        l2: As in `mlp`. Defaults to `0.0`.
        batch_normalization: As in `mlp`. Defaults to `False`.
        seed: As in `mlp`. Defaults to `None`.
        name: The layers are named `name_1`, `name_2`, ... Defaults to
            `"convolution"`.

    Returns:
        `keras.KerasTensor` of shape `(batch_size, features)`.

    Raises:
        ValueError: As in `mlp`, or if `x` is not a batch of images.
        TypeError: As in `mlp`.
    """
    if len(x.shape) != 4:
        raise ValueError(
            "`x` must be of shape (batch_size, height, width, channels). "
            f"Received: x of shape {tuple(x.shape)}"
        )
    if filters is None:
        filters = _filters(*x.shape[1:3])
    filters = as_integers(
        "filters",
        filters,
        filters if isinstance(filters, Sequence) else (None,),
        "a tuple of ints, such as (16,) for one convolution",
    )
    function = as_trainable("activation", activation)
    layers = LayerFactory(kernel_initializer, bias_initializer, l1, l2, seed)
    for index, number in enumerate(filters, start=1):
        x = layers.convolution(
            x,
            number,
            function,
            f"{name}_{index}",
            batch_normalization=batch_normalization,
        )
    return keras.layers.Flatten(name=f"{name}_flatten")(x)


def _filters(height: int, width: int) -> tuple[int, ...]:
    halvings = math.ceil(math.log2(max(height, width) / _SIZE))
    return (16, *[32] * (halvings - 1))
