"""Inputs, encodings and hidden layers that policies and critics share."""

import warnings
from collections.abc import Sequence
from typing import Any

import keras

from keras_cem import spaces
from keras_cem.networks import encoding
from keras_cem.networks.encoding import encode, is_category, is_image, join
from keras_cem.networks.mlp import hidden_stack
from keras_cem.utils import checks


def hidden_layers(
    observed: spaces.Space,
    *,
    embedding: int | None = None,
    filters: Sequence[int] | None = None,
    image: bool | None = None,
    observation: Any = None,
    hidden_units: Sequence[int] = (128,),
    activation: Any = "relu",
    kernel_initializer: Any = "glorot_uniform",
    bias_initializer: Any = "zeros",
    l1: float = 0.0,
    l2: float = 0.0,
    dropout: float = 0.0,
    batch_normalization: bool = False,
    seed: int | None = None,
) -> tuple[list[Any], Any]:
    """Returns the inputs of a network and its last hidden layer."""
    _check_use(observed, embedding=embedding, filters=filters, image=image)
    if filters is not None and image is None:
        image = True
    hidden = {
        "activation": activation,
        "kernel_initializer": kernel_initializer,
        "bias_initializer": bias_initializer,
        "l1": l1,
        "l2": l2,
        "batch_normalization": batch_normalization,
        "seed": seed,
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
            kind=kind,
            **hidden,
        )
        for x, leaf, kind in zip(
            inputs,
            observed.leaves,
            _kinds(observed, image, observation),
            strict=True,
        )
    ]
    x = hidden_stack(
        join(encoded, names),
        hidden_units=hidden_units,
        dropout=dropout,
        **hidden,
    )
    return inputs, x


def model(inputs: Any, outputs: Any, name: str) -> keras.Model:
    """Returns a functional model; its inputs may have any keys."""
    with warnings.catch_warnings():
        # Keras warns if inputs are not called like their keys. A key such as
        # `joint/angle` is not a valid name of an input.
        warnings.filterwarnings("ignore", "When providing `inputs` as a dict")
        return keras.Model(inputs, outputs, name=name)


def _kinds(
    space: spaces.Space, image: bool | None, observation: Any
) -> list[str | None]:
    """Returns the kind of each array of an observation that holds bytes."""
    seen = observation or [None] * len(space.leaves)
    return [
        encoding.kind_of_bytes(leaf, image, values)
        if encoding.is_bytes(leaf)
        else None
        for leaf, values in zip(space.leaves, seen, strict=True)
    ]


def _check_use(
    space: spaces.Space, *, embedding: Any, filters: Any, image: Any
) -> None:
    """Refuses arguments that would have no effect."""
    leaves = space.leaves
    if image is not None and not isinstance(image, bool):
        raise TypeError(
            "`image` must be True, False or None. "
            f"Received: image={image!r} of type {type(image).__name__}"
        )
    if filters is not None and image is False:
        raise ValueError(
            "`filters` must be None with image=False, because there are no "
            f"convolutions. Received: filters={filters!r}, image=False"
        )
    if not any(is_category(leaf) for leaf in leaves):
        checks.only_for(
            "Discrete and MultiDiscrete observations", embedding=embedding
        )
    if not any(is_image(leaf) for leaf in leaves):
        checks.only_for(
            "image observations (bytes with 2 or 3 axes)",
            filters=filters,
            image=image,
        )
