"""Small dense layers without matrix products, as XLA fuses them on a GPU."""

from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf

from keras_cem.networks.normalization import NormalizedPolicy
from keras_cem.utils import keras_internals

# A layer of at most so many inputs is a sum that is written out.
MOST_INPUTS = 16
# A layer of at most so many outputs, by how many inputs it adds up at once.
# XLA gives a larger reduction a kernel of its own on a GPU
# (`IsUnnestedReductionFasterThanElemental`, with 32 threads a warp).
SUMMED_AT_ONCE = {2: 255, 7: 127, 16: 63}
# A layer of more inputs than this, and of few outputs, is a matrix product.
MOST_SUMMED = 512


def fused(policy: Any) -> Callable[..., Any]:
    """Returns a function that computes what a policy does, with other kernels.

    XLA fuses what is elementwise, and small sums, with what comes before and
    after; a matrix product is a kernel of its own, whose operands go through
    memory. With a network of 4-128-2, a whole step of CartPole becomes one
    kernel on a GPU. So dense layers of few inputs or few outputs are computed
    without. On a CPU, nothing is gained.

    To be made where a step is traced: the layers stay the policy's own, and
    their weights are read at each call. Nothing of the policy changes.

    Args:
        policy: Callable layer from observations to outputs.

    Returns:
        A function of observations, and of `training`, which must be False. The
        policy itself, where it has no such layer, or is neither functional nor
        sequential.
    """
    if isinstance(policy, NormalizedPolicy):
        return _normalized(policy)
    # What such a policy casts, the copy would cast elsewhere.
    if keras.config.dtype_policy().compute_dtype != "float32":
        return policy
    if not (_is_graph(policy) and _has_small(policy)):
        return policy
    if isinstance(policy, keras.Sequential):
        return _sequential(policy)
    return keras.models.clone_model(policy, clone_function=_StandIn)


class _StandIn(keras.Operation):
    """Stands for an operation in a copy of the graph that it is in.

    Without, the copy would leave its traces in the operation itself: in Keras,
    each knows the graphs that it is part of.
    """

    def __init__(self, operation: Any, /):
        super().__init__(name=operation.name)
        self._operation = operation
        if _is_small(operation):
            self._function = _dense(operation)
        else:
            self._function = fused(operation)

    def call(self, *args: Any, **kwargs: Any) -> Any:
        return self._function(*args, **kwargs)

    def compute_output_spec(self, *args: Any, **kwargs: Any) -> Any:
        return self._operation.compute_output_spec(*args, **kwargs)


def _normalized(policy: NormalizedPolicy) -> Callable[..., Any]:
    inner = fused(policy.policy)
    if inner is policy.policy:
        return policy
    return lambda inputs, training=None: inner(
        policy.normalized(inputs), training=training
    )


def _sequential(model: Any) -> Any:
    (given,) = model.inputs
    x = inputs = keras.Input(batch_shape=given.shape, dtype=given.dtype)
    for layer in model.layers:
        x = _StandIn(layer)(x)
    return keras.Model(inputs, x)


def _is_graph(operation: Any) -> bool:
    """Whether its graph is all that it is: not of a stranger's class."""
    if not type(operation).__module__.startswith("keras."):
        return False
    # A compiled one, the copy would be compiled as.
    if not isinstance(operation, keras.Model) or operation.compiled:
        return False
    if isinstance(operation, keras.Sequential):
        return bool(operation.built and len(operation.inputs) == 1)
    return isinstance(operation, keras.Function)


def _has_small(operation: Any) -> bool:
    return _is_small(operation) or (
        _is_graph(operation) and any(map(_has_small, operation.layers))
    )


def _is_small(layer: Any) -> bool:
    """Whether it is a dense layer to be computed without a matrix product."""
    if type(layer) is not keras.layers.Dense or not layer.built:
        return False
    if not keras_internals.is_plain(layer):
        return False
    if layer.compute_dtype != "float32":
        return False
    num_inputs, num_outputs = layer.kernel.shape
    return num_inputs <= MOST_INPUTS or (
        num_inputs <= MOST_SUMMED and num_outputs <= max(SUMMED_AT_ONCE)
    )


def _dense(layer: Any) -> Callable[..., Any]:
    def call(inputs: Any, **kwargs: Any) -> Any:
        if len(inputs.shape) != 2:
            return layer(inputs, **kwargs)
        outputs = product(
            tf.cast(inputs, tf.float32), tf.convert_to_tensor(layer.kernel)
        )
        if layer.use_bias:
            outputs += layer.bias
        if layer.activation is not None:
            outputs = layer.activation(outputs)
        return outputs

    return call


def product(x: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
    """Returns the matrix product of inputs and a small kernel, as sums.

    Args:
        x: float32 `(N, n)`.
        kernel: float32 `(n, m)`, of n at most `MOST_INPUTS` or m at most the
            largest of `SUMMED_AT_ONCE`.

    Returns:
        float32 `(N, m)`.
    """
    num_inputs, num_outputs = kernel.shape
    if num_inputs <= MOST_INPUTS:
        terms = [x[:, i : i + 1] * kernel[i] for i in range(num_inputs)]
    elif num_outputs > 1:
        terms = _sums(x[:, :, None] * kernel)
    else:
        # Of one output XLA makes a row to add up, which gets its own kernel
        # however short it is. Two of half as many inputs are as they should be.
        products, even = x * kernel[:, 0], num_inputs - num_inputs % 2
        folded = tf.reshape(products[:, :even], (-1, even // 2, 2))
        halves = _total(_sums(folded))
        terms = [halves[:, :1], halves[:, 1:]]
        if even < num_inputs:
            terms.append(products[:, even:])
    return _total(terms)


def _sums(products: tf.Tensor) -> list[tf.Tensor]:
    """Adds up `(N, n, m)` over n, piece by piece: some `(N, m)` to add up."""
    _, num_inputs, num_outputs = products.shape
    most = next(
        size
        for outputs, size in SUMMED_AT_ONCE.items()
        if num_outputs <= outputs
    )
    return [
        tf.reduce_sum(products[:, i : i + most], axis=1)
        for i in range(0, num_inputs, most)
    ]


def _total(terms: list[tf.Tensor]) -> tf.Tensor:
    total, *others = terms
    for term in others:
        total += term
    return total
