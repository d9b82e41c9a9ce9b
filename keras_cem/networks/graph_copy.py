"""Copies of functional and sequential models that compute layers otherwise."""

from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias, TypeGuard

import keras
import tensorflow as tf

from keras_cem.utils import keras_internals

# A network, or a function that computes the same.
Function: TypeAlias = Callable[..., Any]


def is_graph(operation: object) -> TypeGuard[keras.Model]:
    """Whether it is a plain Keras model that its graph describes fully.

    Args:
        operation: A network, or an operation of one.
    """
    if not type(operation).__module__.startswith("keras."):
        return False
    # The copy of a compiled model would be compiled too.
    if not isinstance(operation, keras.Model) or operation.compiled:
        return False
    # With another dtype policy, the copy would cast at different places.
    if keras.config.dtype_policy().compute_dtype != "float32":
        return False
    if isinstance(operation, keras.Sequential):
        return bool(operation.built and len(operation.inputs) == 1)
    return isinstance(operation, keras.Function)


def is_plain_dense(operation: keras.Operation) -> bool:
    """Whether it is a built dense layer of float32 without extensions.

    Args:
        operation: An operation of a network.
    """
    return (
        type(operation) is keras.layers.Dense
        and operation.built
        and keras_internals.is_plain(operation)
        and operation.compute_dtype == "float32"
    )


def dense_outputs(layer: keras.layers.Dense, product: tf.Tensor) -> tf.Tensor:
    """Returns the outputs of a dense layer.

    Args:
        layer: The layer.
        product: float32 `(N, units)`, the product of inputs and kernel.
    """
    if layer.use_bias:
        product += layer.bias
    if layer.activation is not None:
        product = layer.activation(product)
    return product


def graph_copy(
    model: keras.Model, function_of: Callable[[keras.Operation], Function]
) -> Function:
    """Returns a copy of a model with functions in place of its operations.

    The copy uses the model's own layers and reads their weights at each call.
    The model does not change.

    Args:
        model: A model for which `is_graph` is true.
        function_of: Returns the function for an operation of the model.

    Returns:
        A function of the model's inputs and of `training`.
    """
    copy: Function = _copy(
        model,
        lambda operation: _StandIn(operation, function_of(operation)),
        lambda stand_in, *args, **kwargs: stand_in(*args, **kwargs),
    )
    return copy


class Call(NamedTuple):
    """A call of an operation in the graph of a model.

    Attributes:
        operation: The operation.
        args: Its arguments, nests of `keras.KerasTensor`.
        output: What it returns.
    """

    operation: keras.Operation
    args: tuple[Any, ...]
    output: Any


class Calls(NamedTuple):
    """The calls of a model's operations, each after those it needs.

    Attributes:
        inputs: The model's inputs, a nest of `keras.KerasTensor`.
        calls: The calls, without those of input layers.
        outputs: The model's outputs.
    """

    inputs: Any
    calls: list[Call]
    outputs: Any


def calls_of(model: keras.Model) -> Calls:
    """Returns the calls that compute a model.

    Args:
        model: A model for which `is_graph` is true.
    """
    calls: list[Call] = []

    def call(stand_in: "_StandIn", *args: Any, **kwargs: Any) -> Any:
        output = stand_in(*args, **kwargs)
        calls.append(Call(stand_in.operation, args, output))
        return output

    copy = _copy(model, lambda layer: _StandIn(layer, layer), call)
    return Calls(copy.input, calls, copy.output)


def _copy(
    model: keras.Model,
    stand_in: Callable[[keras.Operation], "_StandIn"],
    call: Callable[..., Any],
) -> keras.Model:
    """Returns a copy of a model.

    Args:
        model: The model.
        stand_in: Returns what stands in for an operation.
        call: Calls what stands in, with the arguments that follow it.
    """
    if isinstance(model, keras.Sequential):
        (given,) = model.inputs
        x = inputs = keras.Input(batch_shape=given.shape, dtype=given.dtype)
        for layer in model.layers:
            x = call(stand_in(layer), x)
        return keras.Model(inputs, x)
    return keras.models.clone_model(
        model, clone_function=stand_in, call_function=call
    )


class _StandIn(keras.Operation):
    """Stands in for an operation in a copy of its graph.

    In Keras each operation stores the graphs that contain it. Without the
    stand-in, the copy would modify the original operation.
    """

    def __init__(self, operation: keras.Operation, function: Function, /):
        super().__init__(name=operation.name)
        self.operation = operation
        self._function = function

    def call(self, *args: Any, **kwargs: Any) -> Any:
        return self._function(*args, **kwargs)

    def compute_output_spec(self, *args: Any, **kwargs: Any) -> Any:
        return self.operation.compute_output_spec(*args, **kwargs)
