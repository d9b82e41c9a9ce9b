"""The multilayer perceptron of the lecture, as a functional Keras model."""

import contextlib
import math
import numbers
import operator
import random
import zlib
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_cem import activations

# Keras' default of 0.99 is made for ten thousands of updates. A policy sees
# tens of them, after which such an average is still mostly its start value.
_BATCH_NORMALIZATION_MOMENTUM = 0.9


def mlp(
    input_shape: int | Sequence[int],
    output_shape: int | Sequence[int],
    *,
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
    input_dtype: str = "float32",
    input_name: str = "observations",
    name: str = "policy",
) -> keras.Model:
    """Multilayer perceptron with the lecture's knobs.

    One hidden layer of three neurons, for instance, is

    `F_j(x) = f_out(b_j + sum_k w_jk f(c_k + sum_i v_ki x_i))`

    with `f` the `activation`, `f_out` the `output_activation`, `v` and `w`
    the kernels, `c` and `b` the biases. For discrete actions the outputs are
    logits, so `output_activation` stays `None`.

    The model is an ordinary functional `keras.Model`. It saves as `.keras`
    and compiles with XLA.

    Args:
        input_shape: Int or tuple of ints, the shape of one observation
            without the batch. `()` is a scalar; more than one axis is
            flattened.
        output_shape: Int or tuple of ints, the shape of one output without
            the batch.
        hidden_units: Ints, the units of each hidden layer. `()` gives a
            linear model. Defaults to `(128,)`.
        activation: Of the hidden layers: whatever `activations.get` takes. A
            layer is copied for each hidden layer. Defaults to `"relu"`.
        output_activation: Of the output, likewise. Defaults to `None`.
        kernel_initializer: Keras initializer or its name, for the kernels of
            all layers. Defaults to `"glorot_uniform"`.
        bias_initializer: Keras initializer or its name, for the biases of all
            layers and the offsets of batch normalization. Defaults to
            `"zeros"`.
        l1: Float, adds `l1 * sum |w|` over all kernels to the losses of the
            model. Defaults to `0.0`.
        l2: Float, adds `l2 * sum w^2` over all kernels to the losses of the
            model. Defaults to `0.0`.
        dropout: Float in [0, 1), the share of each hidden layer's outputs
            that is set to 0 while training; the rest is divided by
            `1 - dropout`. Defaults to `0.0`.
        batch_normalization: Whether each hidden layer is normalized before
            its activation, with an offset in place of the bias. Its running
            averages have momentum 0.9, as a policy sees few updates. Defaults
            to `False`.
        seed: Non-negative int, from which each layer's initializers and
            dropout get seeds of their own, those that bring a seed included:
            same seed, same weights. With `None` they are seeded as Keras
            does, by `keras.utils.set_random_seed`. Defaults to `None`.
        input_dtype: Dtype of the observations; integers and booleans are
            read as numbers. Defaults to `"float32"`.
        input_name: Name of the input layer. Defaults to `"observations"`.
        name: Name of the model. Defaults to `"policy"`.

    Returns:
        A `keras.Model` from `(batch_size, *input_shape)` to
        `(batch_size, *output_shape)`. Dropout and batch normalization act
        only when it is called with `training=True`.

    Raises:
        ValueError: If a size is not positive, a rate is out of its range, a
            name is unknown, or no gradient could pass `activation` or
            `output_activation`.
        TypeError: If an argument is of the wrong kind.

    Example:
    >>> policy = mlp((4,), 2, hidden_units=(3, 3), activation="tanh", seed=0)
    >>> policy(keras.ops.zeros((8, 4))).shape
    TensorShape([8, 2])
    """
    input_shape = _as_sizes("input_shape", input_shape)
    output_shape = _as_sizes("output_shape", output_shape)
    input_dtype = _as_numeric_dtype(input_dtype)
    output_function = _as_trainable("output_activation", output_activation)
    dense = _DenseFactory(kernel_initializer, bias_initializer, l1, l2, seed)

    inputs = keras.Input(input_shape, dtype=input_dtype, name=input_name)
    x = hidden_stack(
        inputs,
        hidden_units=hidden_units,
        activation=activation,
        kernel_initializer=kernel_initializer,
        bias_initializer=bias_initializer,
        l1=l1,
        l2=l2,
        dropout=dropout,
        batch_normalization=batch_normalization,
        seed=seed,
    )
    x = dense.apply(x, math.prod(output_shape), output_function, "outputs")
    if len(output_shape) != 1:
        x = keras.layers.Reshape(output_shape, name="outputs_reshape")(x)
    return keras.Model(inputs, x, name=name)


def hidden_stack(
    x: Any,
    *,
    hidden_units: Sequence[int] = (128,),
    activation: Any = "relu",
    kernel_initializer: Any = "glorot_uniform",
    bias_initializer: Any = "zeros",
    l1: float = 0.0,
    l2: float = 0.0,
    dropout: float = 0.0,
    batch_normalization: bool = False,
    seed: int | None = None,
    name: str = "hidden",
) -> Any:
    """Applies the hidden layers of `mlp` to a Keras tensor.

    The layers are, for each entry of `hidden_units`: dense, batch
    normalization, activation, dropout. Those that are off are left out.

    Args:
        x: `keras.KerasTensor` of shape `(batch_size, ...)`. What is not of
            rank 2 is flattened first.
        hidden_units: As in `mlp`. Defaults to `(128,)`.
        activation: As in `mlp`. Defaults to `"relu"`.
        kernel_initializer: As in `mlp`. Defaults to `"glorot_uniform"`.
        bias_initializer: As in `mlp`. Defaults to `"zeros"`.
        l1: As in `mlp`. Defaults to `0.0`.
        l2: As in `mlp`. Defaults to `0.0`.
        dropout: As in `mlp`. Defaults to `0.0`.
        batch_normalization: As in `mlp`. Defaults to `False`.
        seed: As in `mlp`. Seeds are derived from it and the names of the
            layers: stacks of other names get other weights. Defaults to
            `None`.
        name: The layers are named `name_1`, `name_2`, ...; stacks of one
            model need different names. Defaults to `"hidden"`.

    Returns:
        `keras.KerasTensor` of shape `(batch_size, hidden_units[-1])`.

    Raises:
        ValueError: As `mlp`.
        TypeError: As `mlp`.
    """
    hidden_units = _as_hidden_units(hidden_units)
    function = _as_trainable("activation", activation)
    dropout = _as_number("dropout", dropout, 1.0)
    dense = _DenseFactory(kernel_initializer, bias_initializer, l1, l2, seed)

    if len(x.shape) != 2:
        x = keras.layers.Flatten(name=f"{name}_flatten")(x)
    for index, units in enumerate(hidden_units, start=1):
        layer_name = f"{name}_{index}"
        x = dense.apply(
            x,
            units,
            function,
            layer_name,
            batch_normalization=batch_normalization,
        )
        if dropout:
            dropout_name = f"{layer_name}_dropout"
            x = _Dropout(
                dropout, _derive_seed(seed, dropout_name), name=dropout_name
            )(x)
    return x


class _DenseFactory:
    """Makes dense layers with checked, individually seeded initializers."""

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
        l1, l2 = _as_number("l1", l1), _as_number("l2", l2)
        self._regularizer = (
            keras.regularizers.L1L2(l1, l2) if l1 or l2 else None
        )
        self._seed = _as_seed(seed)

    def apply(
        self,
        x: Any,
        units: int,
        function: Any,
        name: str,
        *,
        batch_normalization: bool = False,
    ) -> Any:
        """Dense, batch normalization if asked for, activation."""
        # A layer for an activation has weights and a place of its own.
        inside = not (batch_normalization or isinstance(function, keras.Layer))
        bias_initializer = self._seeded(self._bias_initializer, f"{name}/bias")
        x = keras.layers.Dense(
            units,
            activation=function if inside else None,
            use_bias=not batch_normalization,
            kernel_initializer=self._seeded(
                self._kernel_initializer, f"{name}/kernel"
            ),
            bias_initializer=bias_initializer,
            kernel_regularizer=self._regularizer,
            name=name,
        )(x)
        if batch_normalization:
            x = keras.layers.BatchNormalization(
                momentum=_BATCH_NORMALIZATION_MOMENTUM,
                beta_initializer=bias_initializer,
                name=f"{name}_batch_normalization",
            )(x)
        return x if inside else _activate(x, function, f"{name}_activation")

    def _seeded(self, initializer: Any, key: str) -> Any:
        """A copy of `initializer` for one variable.

        One instance draws the same numbers each time, so that two layers of
        one shape would start equal.
        """
        if not isinstance(initializer, keras.initializers.Initializer):
            return initializer
        config = initializer.get_config()
        if "seed" in config:
            seed = config["seed"] if self._seed is None else self._seed
            if isinstance(seed, int):
                config["seed"] = _derive_seed(seed, key)
        return type(initializer).from_config(config)


@keras.saving.register_keras_serializable("keras_cem", name="Dropout")
class _Dropout(keras.layers.Layer):
    """Dropout whose masks go on after a reload where they left off.

    The mask is a function of the seed, the replica and `calls`, a weight that
    counts the calls with `training=True` and is saved with the others. The
    state of `keras.layers.Dropout`, a `SeedGenerator`, is not saved (keras
    3.15.1; https://github.com/keras-team/keras/issues/19796): after a reload
    it repeats its first masks. Masks are equal with and without XLA.
    """

    def __init__(self, rate: float, seed: int, **kwargs: Any):
        super().__init__(**kwargs)
        self.rate = rate
        self.seed = seed

    def build(self, input_shape: Any) -> None:
        # Every replica counts its own copy: no reduction, which `tf.cond` and
        # `tf.while_loop` would not allow.
        self.calls = self.add_weight(
            shape=(),
            initializer="zeros",
            dtype="int64",
            trainable=False,
            name="calls",
        )
        super().build(input_shape)

    def call(self, inputs: Any, training: bool = False) -> Any:
        if not training:
            return inputs
        # Integers, as XLA makes other uniform floats of the same bits
        # (TensorFlow 2.21).
        bits = tf.random.stateless_uniform(
            tf.shape(inputs),
            seed=self._next_seed(),
            minval=None,
            maxval=None,
            dtype=tf.uint32,
            alg="philox",
        )
        keep = bits >= tf.constant(round(self.rate * (2**32 - 1)), tf.uint32)
        return keras.ops.where(keep, inputs / (1.0 - self.rate), 0.0)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "rate": self.rate, "seed": self.seed}

    def compute_output_shape(self, input_shape: Any) -> Any:
        return input_shape

    def _next_seed(self) -> Any:
        replica = tf.distribute.get_replica_context()
        replica_id = 0 if replica is None else replica.replica_id_in_sync_group
        calls = self.calls + 0
        self.calls.assign_add(1)
        # Derived seeds have 31 bits; the replica has those above them.
        stream = self.seed + 2**32 * tf.cast(replica_id, tf.int64)
        return tf.stack([stream, calls])


def _activate(x: Any, function: Any, name: str) -> Any:
    if isinstance(function, keras.Layer):
        config = {**function.get_config(), "name": name}
        return type(function).from_config(config)(x)
    return keras.layers.Activation(function, name=name)(x)


def _derive_seed(seed: int | None, key: str) -> int:
    """Seed of 31 bits for one use; a fresh one, as Keras draws it, for None."""
    if seed is None:
        return random.randrange(2**31)
    sequence = np.random.SeedSequence((seed, zlib.crc32(key.encode())))
    return int(sequence.generate_state(1)[0]) >> 1


def _as_sizes(argument: str, shape: Any) -> tuple[int, ...]:
    values = shape if isinstance(shape, Sequence) else (shape,)
    return _as_integers(argument, shape, values, "an int or a tuple of ints")


def _as_hidden_units(hidden_units: Any) -> tuple[int, ...]:
    values = hidden_units if isinstance(hidden_units, Sequence) else (None,)
    return _as_integers(
        "hidden_units",
        hidden_units,
        values,
        "a tuple of ints, as (128,) for one layer",
    )


def _as_seed(seed: Any) -> int | None:
    if seed is None:
        return None
    return _as_integers("seed", seed, (seed,), "an int or None", minimum=0)[0]


def _as_integers(
    argument: str,
    received: Any,
    values: Sequence[Any],
    kind: str,
    *,
    minimum: int = 1,
) -> tuple[int, ...]:
    try:
        integers = tuple(operator.index(value) for value in values)
    except TypeError:
        raise TypeError(
            f"`{argument}` must be {kind}. Received: {argument}={received!r} "
            f"of type {type(received).__name__}."
        ) from None
    if any(integer < minimum for integer in integers):
        raise ValueError(
            f"`{argument}` must be at least {minimum}. "
            f"Received: {argument}={received!r}."
        )
    return integers


def _as_number(argument: str, value: Any, upper: float = math.inf) -> float:
    if not isinstance(value, numbers.Real):
        raise TypeError(
            f"`{argument}` must be a number. Received: {argument}={value!r} "
            f"of type {type(value).__name__}."
        )
    number = float(value)
    if not 0.0 <= number < upper:
        raise ValueError(
            f"`{argument}` must be in [0, {upper}). "
            f"Received: {argument}={value!r}."
        )
    return number


def _as_initializer(argument: str, initializer: Any) -> Any:
    found = None
    with contextlib.suppress(TypeError, ValueError):
        found = keras.initializers.get(initializer)
    if found is None:
        raise ValueError(
            f"`{argument}` must be a Keras initializer or the name of one. "
            f"Received: {argument}={initializer!r}."
        )
    return found


def _as_trainable(argument: str, activation: Any) -> Any:
    """The activation, if gradients pass it."""
    function = activations.get(activation, argument=argument)
    step = activations.binary_step
    if function is step or getattr(function, "activation", None) is step:
        raise ValueError(
            f"`{argument}` must let gradients pass. "
            f"Received: {argument}={activation!r}. "
            "The derivative of the binary step is 0, so that no weight before "
            "it would ever be trained. Use 'binary_step_surrogate', which "
            "has the derivative of the logistic function."
        )
    return function


def _as_numeric_dtype(input_dtype: Any) -> str:
    try:
        dtype = keras.backend.standardize_dtype(input_dtype)
    except (TypeError, ValueError):
        dtype = "string"
    if dtype in ("string", "complex64", "complex128"):
        raise ValueError(
            "`input_dtype` must be a real, integer or boolean dtype. "
            f"Received: input_dtype={input_dtype!r}."
        )
    return dtype
