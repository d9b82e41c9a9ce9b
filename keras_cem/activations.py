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

Keras has all of them but `arctan` and `binary_step`, which are here, with
`binary_step_surrogate`, the step that can be trained through. At the kink of
`relu` and `prelu`, x = 0, the lecture writes 1 and TensorFlow computes 0: both
are subgradients.
"""

from collections.abc import Callable
from typing import Any

import keras

# He et al., 2015, section 2.1. Keras would start at 0, which is ReLU.
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
    `x != 0`; the lecture leaves it open at 0, where it is 0 here too. No
    gradient passes this function, so nothing before it can be trained by
    gradient descent: use `binary_step_surrogate` for that.

    Args:
        x: Tensor of any shape. NaN stays NaN.

    Returns:
        Tensor of zeros and ones, of the shape and floating dtype of `x`.
    """
    return _step(x, keras.ops.zeros_like)


@keras.saving.register_keras_serializable("keras_cem")
def binary_step_surrogate(x: Any) -> Any:
    """Heaviside step with the derivative of the logistic function.

    Forward it is `binary_step`; backward it is the logistic function `s`, of
    which the step is the hard limit:

    `f(x) = 0` for `x < 0` and `1` for `x >= 0`; `f'(x) := s(x) (1 - s(x))`.

    The derivative is a surrogate, not the truth (which is 0): finite
    differences of a network with this activation do not agree with its
    gradient. The networks it trains do have steps for hidden units.

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
    """Finds an activation by the lecture's name or by Keras' own.

    Args:
        activation: One of the lecture's names (`"identity"`,
            `"binary_step"`, `"logistic"`, `"tanh"`, `"arctan"`, `"relu"`,
            `"prelu"`, `"elu"`, `"softplus"`), `"binary_step_surrogate"`, any
            Keras activation name, a callable (function or `keras.Layer`),
            which is returned as it is, or `None` for the identity.
        argument: Name of the caller's argument, for error messages. Defaults
            to `"activation"`.

    Returns:
        A callable. For `"prelu"` it is a new `keras.layers.PReLU`, a layer
        with one trained slope per unit that starts at 0.25, so every call
        returns another one.

    Raises:
        ValueError: If no activation has that name.
        TypeError: If it is neither a name nor a callable, or is a class.

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
        return keras.activations.linear
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
    return activation


def _get_by_name(name: str, argument: str) -> Callable[..., Any]:
    if name == "prelu":
        return keras.layers.PReLU(
            alpha_initializer=keras.initializers.Constant(_PRELU_INITIAL_ALPHA)
        )
    if name in _BY_NAME:
        return _BY_NAME[name]
    try:
        return keras.activations.get(name)
    except ValueError:
        raise ValueError(
            f"`{argument}` must be one of {', '.join(_names())}. "
            f"Received: {argument}={name!r}."
        ) from None


def _names() -> list[str]:
    """Every name `get` knows: the lecture's first, then Keras' own."""
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
    """`binary_step` with a derivative of the caller's choice."""

    @keras.ops.custom_gradient
    def step(x: Any) -> Any:
        ones = keras.ops.cast(keras.ops.greater_equal(x, 0), x.dtype)
        # A NaN compares false with everything; it must not become a 0.
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
