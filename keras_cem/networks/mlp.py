"""The multilayer perceptron of the lecture, as a functional Keras model."""

import itertools
import math
from collections.abc import Sequence
from typing import Any

import keras

from keras_cem.networks.dropout import Dropout
from keras_cem.networks.layer_factory import (
    LayerFactory,
    as_trainable,
    derive_seed,
)
from keras_cem.saving import size_limits
from keras_cem.utils.checks import (
    as_hidden_units,
    as_number,
    as_sizes,
)


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
    """Returns a multilayer perceptron with the options of the lecture.

    With one hidden layer, output j is

    `F_j(x) = f_out(b_j + sum_k w_jk f(c_k + sum_i v_ki x_i))`

    with `f` the `activation`, `f_out` the `output_activation`, `v` and `w`
    the kernels, `c` and `b` the biases. For discrete actions the outputs are
    logits, so leave `output_activation` at `None`.

    The model is an ordinary functional `keras.Model`. It can be saved as
    `.keras` and compiled with XLA.

    Args:
        input_shape: Int or tuple of ints, the shape of one observation
            without the batch. `()` is a scalar. Observations with more than
            one axis are flattened.
        output_shape: Int or tuple of ints, the shape of one output without
            the batch.
        hidden_units: Ints, the number of units of each hidden layer. `()`
            gives a linear model. Defaults to `(128,)`.
        activation: Activation of the hidden layers, as `activations.get` takes
            it. A layer is copied for each hidden layer. Defaults to `"relu"`.
        output_activation: Activation of the output layer, as
            `activations.get` takes it. Defaults to `None`.
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
            that training sets to 0. The other outputs are divided by
            `1 - dropout`. Defaults to `0.0`.
        batch_normalization: Whether each hidden layer is normalized before
            its activation, with an offset in place of the bias. The running
            averages have momentum 0.9, because a policy gets few updates.
            Defaults to `False`.
        seed: Non-negative int. Each initializer and each dropout layer gets
            its own seed, derived from this one, even if it has a seed already.
            Equal seeds give equal weights. With `None`, Keras draws the seeds
            (see `keras.utils.set_random_seed`). Defaults to `None`.
        input_dtype: Dtype of the observations; integers and booleans are
            converted to floats. Defaults to `"float32"`.
        input_name: Name of the input layer. Defaults to `"observations"`.
        name: Name of the model. Defaults to `"policy"`.

    Returns:
        A `keras.Model` from `(batch_size, *input_shape)` to
        `(batch_size, *output_shape)`. Dropout acts, and batch normalization
        uses the statistics of the batch, only with `training=True`.

    Raises:
        ValueError: If a size is not positive, a rate is out of its range, a
            name is unknown, or `activation` or `output_activation` passes no
            gradient.
        TypeError: If an argument is of the wrong kind.

    Example:
    >>> policy = mlp((4,), 2, hidden_units=(3, 3), activation="tanh", seed=0)
    >>> policy(keras.ops.zeros((8, 4))).shape
    TensorShape([8, 2])
    """
    input_shape = as_sizes("input_shape", input_shape)
    input_dtype = _as_numeric_dtype(input_dtype)
    initial = {
        "kernel_initializer": kernel_initializer,
        "bias_initializer": bias_initializer,
        "l1": l1,
        "l2": l2,
        "seed": seed,
    }
    inputs = keras.Input(input_shape, dtype=input_dtype, name=input_name)
    x = hidden_stack(
        inputs,
        hidden_units=hidden_units,
        activation=activation,
        dropout=dropout,
        batch_normalization=batch_normalization,
        **initial,
    )
    x = output_layer(x, output_shape, activation=output_activation, **initial)
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

    For each entry of `hidden_units`, the layers are dense, batch
    normalization, activation and dropout. Layers that are off are left out.

    Args:
        x: `keras.KerasTensor` of shape `(batch_size, ...)`. A tensor of
            another rank than 2 is flattened first.
        hidden_units: As in `mlp`. Defaults to `(128,)`.
        activation: As in `mlp`. Defaults to `"relu"`.
        kernel_initializer: As in `mlp`. Defaults to `"glorot_uniform"`.
        bias_initializer: As in `mlp`. Defaults to `"zeros"`.
        l1: As in `mlp`. Defaults to `0.0`.
        l2: As in `mlp`. Defaults to `0.0`.
        dropout: As in `mlp`. Defaults to `0.0`.
        batch_normalization: As in `mlp`. Defaults to `False`.
        seed: As in `mlp`. Each layer's seed is derived from it and the name of
            the layer, so stacks with different names get different weights.
            Defaults to `None`.
        name: The layers are named `name_1`, `name_2`, ... Each stack of a
            model needs its own name. Defaults to `"hidden"`.

    Returns:
        `keras.KerasTensor` of shape `(batch_size, hidden_units[-1])`.

    Raises:
        ValueError: As `mlp`.
        TypeError: As `mlp`.
    """
    hidden_units = as_hidden_units(hidden_units)
    _check_sizes(hidden_units)
    function = as_trainable("activation", activation)
    dropout = as_number("dropout", dropout, 1.0)
    layers = LayerFactory(kernel_initializer, bias_initializer, l1, l2, seed)

    if len(x.shape) != 2:
        x = keras.layers.Flatten(name=f"{name}_flatten")(x)
    for index, units in enumerate(hidden_units, start=1):
        layer_name = f"{name}_{index}"
        x = layers.dense(
            x,
            units,
            function,
            layer_name,
            batch_normalization=batch_normalization,
        )
        if dropout:
            dropout_name = f"{layer_name}_dropout"
            x = Dropout(
                dropout, derive_seed(seed, dropout_name), name=dropout_name
            )(x)
    return x


def output_layer(
    x: Any,
    output_shape: int | Sequence[int],
    *,
    activation: Any = None,
    kernel_initializer: Any = "glorot_uniform",
    bias_initializer: Any = "zeros",
    l1: float = 0.0,
    l2: float = 0.0,
    seed: int | None = None,
    name: str = "outputs",
) -> Any:
    """Applies the output layer of `mlp` to a Keras tensor.

    Args:
        x: `keras.KerasTensor` of shape `(batch_size, features)`.
        output_shape: As in `mlp`.
        activation: The `output_activation` of `mlp`. Defaults to `None`.
        kernel_initializer: As in `mlp`. Defaults to `"glorot_uniform"`.
        bias_initializer: As in `mlp`. Defaults to `"zeros"`.
        l1: As in `mlp`. Defaults to `0.0`.
        l2: As in `mlp`. Defaults to `0.0`.
        seed: As in `mlp`. Defaults to `None`.
        name: Name of the layer. Defaults to `"outputs"`.

    Returns:
        `keras.KerasTensor` of shape `(batch_size, *output_shape)`.

    Raises:
        ValueError: As `mlp`.
        TypeError: As `mlp`.
    """
    output_shape = as_sizes("output_shape", output_shape)
    function = as_trainable("output_activation", activation)
    layers = LayerFactory(kernel_initializer, bias_initializer, l1, l2, seed)
    x = layers.dense(x, math.prod(output_shape), function, name)
    if len(output_shape) != 1:
        x = keras.layers.Reshape(output_shape, name=f"{name}_reshape")(x)
    return x


def _check_sizes(hidden_units: tuple[int, ...]) -> None:
    for before, after in itertools.pairwise((1, *hidden_units)):
        if before * after > size_limits.MAX_SIZE:
            raise ValueError(
                "`hidden_units` must give each layer at most "
                f"{size_limits.MAX_SIZE:,} weights. Received: "
                f"hidden_units={hidden_units!r}."
            )


def _as_numeric_dtype(input_dtype: Any) -> str:
    """Returns the name of a dtype of numbers or booleans."""
    try:
        dtype = str(keras.backend.standardize_dtype(input_dtype))
    except (TypeError, ValueError):
        dtype = "string"
    if dtype in ("string", "complex64", "complex128"):
        raise ValueError(
            "`input_dtype` must be a real, integer or boolean dtype. "
            f"Received: input_dtype={input_dtype!r}."
        )
    return dtype
