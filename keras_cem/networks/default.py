"""The network that suits a pair of spaces."""

from typing import Any

import keras
import numpy as np

from keras_cem import spaces
from keras_cem.networks.layers import OneHot
from keras_cem.networks.mlp import mlp


def default_policy(
    observation_space: Any,
    action_space: Any,
    *,
    action_scale: Any = None,
    **mlp_kwargs: Any,
) -> keras.Model:
    """Returns an untrained policy from observations to logits or actions.

    An observation of a `Box` is flattened, one of a `Discrete` encoded
    one-hot. For a `Box` of actions the network's outputs, which are about 0 at
    first and of size 1, are moved to the middle of the box and scaled by its
    half-width; they are not bounded, actions are clipped.

    Args:
        observation_space: gymnasium space or its description.
        action_space: gymnasium space or its description.
        action_scale: For a `Box` of actions, as in `CEMAgent`. Defaults to
            `None`.
        **mlp_kwargs: Arguments of `mlp`, such as `hidden_units`.

    Returns:
        A functional `keras.Model` that takes raw observations of the space's
        dtype, in an input called `observations`.

    Raises:
        ValueError: If there is no default network for a space.
    """
    observed = spaces.get(observation_space, "observation_space")
    acted = spaces.get(action_space, "action_space")
    if isinstance(acted, spaces.Discrete):
        return _network(observed, (acted.n,), mlp_kwargs)
    if not isinstance(acted, spaces.Box):
        raise ValueError(
            "`action_space` must be Discrete or Box. "
            f"Received: action_space={acted}"
        )
    network = _network(observed, acted.shape, mlp_kwargs)
    bounded = np.isfinite(acted.low) & np.isfinite(acted.high)
    with np.errstate(invalid="ignore", over="ignore"):
        middle = np.where(bounded, acted.low / 2 + acted.high / 2, 0.0)
        half = np.where(bounded, acted.high / 2 - acted.low / 2, 1.0)
    scale = half if action_scale is None else np.asarray(action_scale)
    if np.all(scale == 1.0) and np.all(middle == 0.0):
        return network
    actions = keras.layers.Rescaling(
        np.broadcast_to(scale, acted.shape).tolist(),
        middle.tolist(),
        name="to_box",
    )(network.output)
    return keras.Model(network.input, actions, name=network.name)


def _network(
    space: spaces.Space, output_shape: tuple[int, ...], kwargs: dict[str, Any]
) -> keras.Model:
    if isinstance(space, spaces.Box):
        return mlp(
            space.shape, output_shape, input_dtype=space.dtype.name, **kwargs
        )
    if isinstance(space, spaces.Discrete):
        inputs = keras.Input((), dtype=space.dtype.name, name="observations")
        encoded = OneHot(space.n, space.start, name="one_hot")(inputs)
        network = mlp((space.n,), output_shape, **kwargs)
        return keras.Model(inputs, network(encoded), name="policy")
    raise ValueError(
        "`observation_space` must be Box or Discrete. "
        f"Received: observation_space={space}"
    )
