"""Makes layers that share initializers, regularization and a seed."""

import contextlib
import random
import zlib
from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from keras_cem import activations
from keras_cem.utils.checks import as_number, as_seed


def as_trainable(argument: str, activation: Any) -> Any:
    """Returns an activation; refuses one that passes no gradient."""
    function = activations.get(activation, argument=argument)
    step = activations.binary_step
    if function is step or getattr(function, "activation", None) is step:
        raise ValueError(
            f"`{argument}` must have a derivative other than 0. Received: "
            f"{argument}={activation!r}. The derivative of the binary step "
            "is 0, so the weights before it would never be trained. Use "
            "'binary_step_surrogate', which has the derivative of the "
            "logistic function."
        )
    return function


# Keras' default of 0.99 suits tens of thousands of updates. A policy gets tens
# of updates, after which such an average is still mostly its initial value.
_BATCH_NORMALIZATION_MOMENTUM = 0.9


class LayerFactory:
    """Makes layers with checked, individually seeded initializers.

    Args:
        kernel_initializer: As in `mlp`.
        bias_initializer: As in `mlp`.
        l1: As in `mlp`.
        l2: As in `mlp`.
        seed: As in `mlp`.
    """

    def __init__(
        self,
        kernel_initializer: Any,
        bias_initializer: Any,
        l1: float,
        l2: float,
        seed: int | None,
    ):
        self._kernel_initializer = _as_initializer(
            "kernel_initializer", kernel_initializer
        )
        self._bias_initializer = _as_initializer(
            "bias_initializer", bias_initializer
        )
        l1, l2 = as_number("l1", l1), as_number("l2", l2)
        self._regularizer = (
            keras.regularizers.L1L2(l1, l2) if l1 or l2 else None
        )
        self._seed = as_seed(seed)

    def dense(
        self,
        x: Any,
        units: int,
        function: Any,
        name: str,
        *,
        batch_normalization: bool = False,
    ) -> Any:
        """Applies dense, batch normalization (if it is on) and activation."""
        return self._apply(
            keras.layers.Dense,
            x,
            function,
            name,
            batch_normalization,
            units=units,
        )

    def convolution(
        self,
        x: Any,
        filters: int,
        function: Any,
        name: str,
        *,
        batch_normalization: bool = False,
    ) -> Any:
        """Like `dense` with a 3 x 3 convolution of stride 2."""
        return self._apply(
            keras.layers.Conv2D,
            x,
            function,
            name,
            batch_normalization,
            filters=filters,
            kernel_size=3,
            strides=2,
            padding="same",
        )

    def embedding(self, x: Any, count: int, size: int, name: str) -> Any:
        """Applies an embedding of the integers below `count`."""
        return keras.layers.Embedding(
            count,
            size,
            embeddings_initializer=self._seeded(
                self._kernel_initializer, f"{name}/embeddings"
            ),
            embeddings_regularizer=self._regularizer,
            name=name,
        )(x)

    def _apply(
        self,
        make: Callable[..., keras.Layer],
        x: Any,
        function: Any,
        name: str,
        batch_normalization: bool,
        **arguments: Any,
    ) -> Any:
        # An activation that is a layer is applied separately: it may have
        # weights.
        inside = not (batch_normalization or isinstance(function, keras.Layer))
        bias_initializer = self._seeded(self._bias_initializer, f"{name}/bias")
        x = make(
            activation=function if inside else None,
            use_bias=not batch_normalization,
            kernel_initializer=self._seeded(
                self._kernel_initializer, f"{name}/kernel"
            ),
            bias_initializer=bias_initializer,
            kernel_regularizer=self._regularizer,
            name=name,
            **arguments,
        )(x)
        if batch_normalization:
            x = keras.layers.BatchNormalization(
                momentum=_BATCH_NORMALIZATION_MOMENTUM,
                beta_initializer=bias_initializer,
                name=f"{name}_batch_normalization",
            )(x)
        return x if inside else _activate(x, function, f"{name}_activation")

    def _seeded(self, initializer: Any, key: str) -> Any:
        """Returns a copy of `initializer` with the seed of one variable.

        One instance draws the same numbers each time, so two layers of the
        same shape would start with equal weights.
        """
        if not isinstance(initializer, keras.initializers.Initializer):
            return initializer
        config = initializer.get_config()
        if "seed" in config:
            seed = config["seed"] if self._seed is None else self._seed
            if isinstance(seed, int):
                config["seed"] = derive_seed(seed, key)
        return type(initializer).from_config(config)


def _activate(x: Any, function: Any, name: str) -> Any:
    if isinstance(function, keras.Layer):
        config = {**function.get_config(), "name": name}
        return type(function).from_config(config)(x)
    return keras.layers.Activation(function, name=name)(x)


def derive_seed(seed: int | None, key: str) -> int:
    """Derives a 31-bit seed for one use; for None, draws one as Keras does."""
    if seed is None:
        return random.randrange(2**31)
    sequence = np.random.SeedSequence((seed, zlib.crc32(key.encode())))
    return int(sequence.generate_state(1)[0]) >> 1


def _as_initializer(argument: str, initializer: Any) -> Any:
    """Returns a Keras initializer, or a function that can replace one."""
    found = None
    with contextlib.suppress(TypeError, ValueError):
        found = keras.initializers.get(initializer)
    if found is None:
        raise ValueError(
            f"`{argument}` must be a Keras initializer or the name of one. "
            f"Received: {argument}={initializer!r}."
        )
    return found
