"""Small dense layers without matrix products, which XLA can fuse on a GPU."""

from collections.abc import Callable

import keras
import tensorflow as tf

from keras_cem.engines.policies import Policy
from keras_cem.networks.graph_copy import (
    dense_outputs,
    graph_copy,
    is_graph,
    is_plain_dense,
)
from keras_cem.networks.normalization import NormalizedPolicy
from keras_cem.utils.tensors import Nest

# A layer with at most this many inputs is written out as a sum of terms.
MOST_INPUTS = 16
# Maximum number of outputs of a layer: number of inputs per partial sum. On a
# GPU, XLA runs a larger reduction in a separate kernel
# (`IsUnnestedReductionFasterThanElemental`, with 32 threads per warp).
SUMMED_AT_ONCE = {2: 255, 7: 127, 16: 63}
# A layer with more inputs than this and few outputs stays a matrix product.
MOST_SUMMED = 512


def fused(policy: Policy) -> Policy:
    """Returns a function that computes a policy without small matrix products.

    XLA fuses elementwise operations and small sums with the operations around
    them. A matrix product needs a kernel of its own, and its operands go
    through memory. So dense layers with few inputs or few outputs are computed
    as sums. With a network of 4-128-2 units, a whole step of CartPole then
    becomes one GPU kernel. On a CPU this gains nothing, and is not used.

    `benchmarks/graph_rollout.py`: on an H100, 262,144 CartPoles take 2,514
    million steps per second, and 1,038 million with matrix products. With 1,024
    there is no difference.

    Make the function where a step is traced. It uses the policy's own layers
    and reads their weights at each call. The policy does not change.

    Args:
        policy: Callable layer from observations to outputs.

    Returns:
        A function of the observations and of `training`, which must be False.
        It is the policy itself if the policy has no such layer, or is neither
        functional nor sequential.
    """
    if isinstance(policy, NormalizedPolicy):
        return _normalized(policy)
    if not (is_graph(policy) and _has_small(policy)):
        return policy
    return graph_copy(
        policy,
        lambda layer: _dense(layer) if _is_small(layer) else fused(layer),
    )


def _normalized(policy: NormalizedPolicy) -> Policy:
    inner = fused(policy.policy)
    if inner is policy.policy:
        return policy

    def function(inputs: Nest, *, training: bool) -> Nest:
        return inner(policy.normalized(inputs), training=training)

    return function


def _has_small(operation: keras.Operation) -> bool:
    return _is_small(operation) or (
        is_graph(operation) and any(map(_has_small, operation.layers))
    )


def _is_small(layer: keras.Operation) -> bool:
    """Whether a dense layer is to be computed without a matrix product."""
    if not is_plain_dense(layer):
        return False
    num_inputs, num_outputs = map(int, layer.kernel.shape)
    return num_inputs <= MOST_INPUTS or (
        num_inputs <= MOST_SUMMED and num_outputs <= max(SUMMED_AT_ONCE)
    )


def _dense(layer: keras.layers.Dense) -> Callable[..., tf.Tensor]:
    def call(inputs: tf.Tensor, **kwargs: object) -> tf.Tensor:
        if len(inputs.shape) != 2:
            return layer(inputs, **kwargs)
        outputs = product(
            tf.cast(inputs, tf.float32), tf.convert_to_tensor(layer.kernel)
        )
        return dense_outputs(layer, outputs)

    return call


def product(x: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
    """Returns the product of inputs and a small kernel, computed as sums.

    Args:
        x: float32 `(N, n)`.
        kernel: float32 `(n, m)`. Either n is at most `MOST_INPUTS`, or m is at
            most the largest key of `SUMMED_AT_ONCE`.

    Returns:
        float32 `(N, m)`.
    """
    num_inputs, num_outputs = kernel.shape
    if num_inputs <= MOST_INPUTS:
        terms = [x[:, i : i + 1] * kernel[i] for i in range(num_inputs)]
    elif num_outputs > 1:
        terms = _sums(x[:, :, None] * kernel)
    else:
        # For one output, XLA reduces a row, which gets its own kernel however
        # short it is. Two outputs with half the inputs each are fused.
        products, even = x * kernel[:, 0], num_inputs - num_inputs % 2
        folded = tf.reshape(products[:, :even], (-1, even // 2, 2))
        halves = _total(_sums(folded))
        terms = [halves[:, :1], halves[:, 1:]]
        if even < num_inputs:
            terms.append(products[:, even:])
    return _total(terms)


def _sums(products: tf.Tensor) -> list[tf.Tensor]:
    """Sums `(N, n, m)` over pieces of n; returns partial sums `(N, m)`."""
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
