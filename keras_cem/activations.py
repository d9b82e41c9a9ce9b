"""The lecture's activation functions, by the lecture's names.

| name | f(x) | f'(x) |
|---|---|---|
| `identity` | x | 1 |
| `binary_step` | 0 for x < 0, 1 for x >= 0 | 0 for x != 0, undefined at 0 |
| `logistic` | 1 / (1 + exp(-x)) | f(x) (1 - f(x)) |
| `tanh` | 2 / (1 + exp(-2x)) - 1 | 1 - f(x)^2 |
| `arctan` | arctan(x) | 1 / (x^2 + 1) |
| `relu` | 0 for x < 0, x for x >= 0 | 0 for x < 0, 1 for x > 0 |
| `prelu` | alpha x for x < 0, x for x >= 0 | alpha for x < 0, 1 for x > 0 |
| `elu` | exp(x) - 1 for x < 0, x for x >= 0 | exp(x) for x < 0, else 1 |
| `softplus` | ln(1 + exp(x)) | 1 / (1 + exp(-x)) |

Keras has all of them except `arctan` and `binary_step`. This module adds these
two and `binary_step_surrogate`, a step function with a nonzero gradient for
training. At x = 0, the derivative of `relu` and `prelu` is 1 in the lecture and
0 in TensorFlow. Both are subgradients.
"""

from collections.abc import Callable
from typing import Any

import keras

# He et al., 2015, section 2.1. Keras starts at 0, which equals ReLU.
_PRELU_INITIAL_ALPHA = 0.25


@keras.saving.register_keras_serializable("keras_cem")
def arctan(x: Any) -> Any:
    """Arc tangent, a squashing function with slowly saturating tails.

    `f(x) = arctan(x)`, in (-pi/2, pi/2), and `f'(x) = 1 / (x^2 + 1)`.

    Args:
        x: Tensor of any shape. NaN stays NaN.

    Returns:
        Tensor of the shape and floating dtype of `x`.

    Example:
    >>> layer = keras.layers.Dense(8, activation=arctan)
    """
    return keras.ops.arctan(x)


@keras.saving.register_keras_serializable("keras_cem")
def binary_step(x: Any) -> Any:
    """Heaviside step: the activation of the first perceptron.

    `f(x) = 0` for `x < 0` and `1` for `x >= 0`. The derivative is 0 for
    `x != 0`. At 0 the lecture leaves it undefined, and this function uses 0.
    The gradient is 0 everywhere, so gradient descent cannot train the layers
    before it. Use `binary_step_surrogate` to train them.

    Args:
        x: Tensor of any shape. NaN stays NaN.

    Returns:
        Tensor of zeros and ones, of the shape and floating dtype of `x`.
    """
    return _step(x, keras.ops.zeros_like)


@keras.saving.register_keras_serializable("keras_cem")
def binary_step_surrogate(x: Any) -> Any:
    """Heaviside step with the derivative of the logistic function.

    The forward pass is `binary_step`. The backward pass uses the derivative of
    the logistic function `s`, a smooth version of the step:

    `f(x) = 0` for `x < 0` and `1` for `x >= 0`; `f'(x) := s(x) (1 - s(x))`.

    The true derivative is 0; this one is a surrogate. So finite differences of
    a network with this activation do not agree with its gradient. The hidden
    units of the trained network are true steps.

    Args:
        x: Tensor of any shape. NaN stays NaN.

    Returns:
        Tensor of zeros and ones, of the shape and floating dtype of `x`.

    References:
        - Bengio, Leonard, Courville, 2013, "Estimating or Propagating
          Gradients Through Stochastic Neurons for Conditional Computation",
          https://arxiv.org/abs/1308.3432
    """
    return _step(x, _logistic_derivative)


def get(activation: Any, *, argument: str = "activation") -> Callable[..., Any]:
    """Finds an activation by the lecture's name or by Keras' name.

    Args:
        activation: One of the lecture's names (`"identity"`,
            `"binary_step"`, `"logistic"`, `"tanh"`, `"arctan"`, `"relu"`,
            `"prelu"`, `"elu"`, `"softplus"`), `"binary_step_surrogate"`, any
            Keras activation name, a callable (function or `keras.Layer`),
            which is returned unchanged, or `None` for the identity.
        argument: Name of the caller's argument, for error messages. Defaults
            to `"activation"`.

    Returns:
        A callable. For `"prelu"`, each call returns a new
        `keras.layers.PReLU`, a layer with one trainable slope per unit that
        starts at 0.25.

    Raises:
        ValueError: If no activation has that name.
        TypeError: If `activation` is neither a name nor a callable, or is a
            class.

    Example:
    >>> get("logistic") is keras.activations.sigmoid
    True
    >>> get("gelu") is keras.activations.gelu
    True

    References:
        - He, Zhang, Ren, Sun, 2015, "Delving Deep into Rectifiers",
          https://arxiv.org/abs/1502.01852 (PReLU and its 0.25)
    """
    if activation is None:
        activation = "linear"
    if isinstance(activation, str):
        return _get_by_name(activation, argument)
    if isinstance(activation, type):
        raise TypeError(
            f"`{argument}` must be an instance, not a class. "
            f"Received: {argument}={activation!r}. "
            f"Use `{activation.__name__}()`."
        )
    if not callable(activation):
        raise TypeError(
            f"`{argument}` must be the name of an activation or a callable. "
            f"Received: {argument}={activation!r} "
            f"of type {type(activation).__name__}."
        )
    function: Callable[..., Any] = activation
    return function


def _get_by_name(name: str, argument: str) -> Callable[..., Any]:
    function: Callable[..., Any]
    if name == "prelu":
        function = keras.layers.PReLU(
            alpha_initializer=keras.initializers.Constant(_PRELU_INITIAL_ALPHA)
        )
        return function
    if name in _BY_NAME:
        return _BY_NAME[name]
    try:
        function = keras.activations.get(name)
    except ValueError:
        raise ValueError(
            f"`{argument}` must be one of {', '.join(_names())}. "
            f"Received: {argument}={name!r}."
        ) from None
    return function


def _names() -> list[str]:
    """All names that `get` accepts: the lecture's first, then Keras'."""
    keras_names = sorted(
        set(dir(keras.activations)) - {"deserialize", "get", "serialize"}
    )
    own_names = [*_BY_NAME, "prelu"]
    return own_names + [
        name
        for name in keras_names
        if not name.startswith("_") and name not in own_names
    ]


def _step(x: Any, derivative: Callable[[Any], Any]) -> Any:
    """`binary_step` with the given derivative."""

    @keras.ops.custom_gradient
    def step(x: Any) -> Any:
        ones = keras.ops.cast(keras.ops.greater_equal(x, 0), x.dtype)
        # Comparisons with NaN are false, but NaN must not become 0.
        outputs = keras.ops.where(keras.ops.isnan(x), x, ones)

        def grad(upstream: Any) -> Any:
            return keras.ops.multiply(upstream, derivative(x))

        return outputs, grad

    x = keras.ops.convert_to_tensor(x)
    if not keras.backend.is_float_dtype(x.dtype):
        x = keras.ops.cast(x, keras.config.floatx())
    return step(x)


def _logistic_derivative(x: Any) -> Any:
    logistic = keras.ops.sigmoid(x)
    return logistic * (1.0 - logistic)


_BY_NAME: dict[str, Callable[..., Any]] = {
    "identity": keras.activations.linear,
    "binary_step": binary_step,
    "binary_step_surrogate": binary_step_surrogate,
    "logistic": keras.activations.sigmoid,
    "tanh": keras.activations.tanh,
    "arctan": arctan,
    "relu": keras.activations.relu,
    "elu": keras.activations.elu,
    "softplus": keras.activations.softplus,
}
