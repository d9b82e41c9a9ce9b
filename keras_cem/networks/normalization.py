"""Normalizes observations to mean 0 and variance 1 inside of the policy."""

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_cem import spaces
from keras_cem.networks.moments import Moments

# Added to the variance, which is 0 for a constant observation.
EPSILON = 1e-8


@keras.saving.register_keras_serializable("keras_cem")
class RunningNormalization(keras.layers.Layer):
    """Normalizes inputs by the running mean and standard deviation.

    Only `update` changes the statistics. Calling the layer does not, and
    `training=True` makes no difference. Before the first `update` the layer
    returns its inputs. It computes in float32.

    Args:
        clip: Largest absolute value of the outputs. It limits the outputs for
            observations that were nearly constant so far. Defaults to `10.0`.

    Call arguments:
        inputs: Float tensor `(batch, ...)`.

    Returns:
        Tensor of the same shape and dtype.
    """

    def __init__(self, clip: float = 10.0, **kwargs: Any):
        super().__init__(autocast=False, **kwargs)
        self.clip = clip

    def build(self, input_shape: Any) -> None:
        """Creates the statistics, of zero observations."""
        shape = tuple(input_shape[1:])

        def weight(
            name: str, shape: tuple[int, ...], dtype: str, initial: float = 0.0
        ) -> Any:
            return self.add_weight(
                shape=shape,
                dtype=dtype,
                initializer=keras.initializers.Constant(initial),
                trainable=False,
                autocast=False,
                name=name,
            )

        # float64, because millions of steps are added.
        self.count = weight("count", (), "float64")
        self.mean = weight("mean", shape, "float64")
        self.squares = weight("squares", shape, "float64")
        # The values that `call` uses, in the float32 of networks.
        self.shift = weight("shift", shape, "float32")
        self.scale = weight("scale", shape, "float32", 1.0)
        self.limit = weight("limit", (), "float32", float("inf"))

    def call(self, inputs: Any) -> Any:
        """Normalizes `inputs`."""
        centred = keras.ops.cast(inputs, "float32") - self.shift
        limit = keras.ops.convert_to_tensor(self.limit)
        scaled = keras.ops.clip(centred * self.scale, -limit, limit)
        return keras.ops.cast(scaled, inputs.dtype)

    def update(self, seen: Moments) -> None:
        """Adds observations to the statistics.

        Args:
            seen: Moments of the observations.
        """
        past = Moments(
            self.count.value, self.mean.value, self.squares.value
        ).merge(seen)
        self.count.assign(past.count)
        self.mean.assign(past.mean)
        self.squares.assign(past.squares)
        variance = tf.math.divide_no_nan(past.squares, past.count)
        self.shift.assign(tf.cast(past.mean, tf.float32))
        self.scale.assign(
            tf.cast(tf.math.rsqrt(variance + EPSILON), tf.float32)
        )
        self.limit.assign(self.clip)

    def compute_output_shape(self, input_shape: Any) -> Any:
        return input_shape

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "clip": self.clip}


@keras.saving.register_keras_serializable("keras_cem")
class NormalizedPolicy(keras.Model):
    """Wraps a policy and normalizes each float part of its observations.

    Images and other integers are not changed.

    Args:
        policy: `keras.Layer` from observations to outputs.
        observation_space: Space of one observation. Defaults to `None`: call
            `build_for` before the first call.

    Call arguments:
        inputs: Batch of observations.
        training: As in Keras, for `policy`.
    """

    def __init__(
        self, policy: Any, observation_space: Any = None, **kwargs: Any
    ):
        super().__init__(**{"name": policy.name, "autocast": False, **kwargs})
        self.policy = policy
        self.observation_space: spaces.Space | None = None
        self.normalizations: list[RunningNormalization] = []
        if observation_space is not None:
            self.build_for(spaces.get(observation_space, "observation_space"))

    def build_for(self, observation_space: spaces.Space) -> None:
        """Makes one normalization layer per float part.

        Args:
            observation_space: Space of one observation.

        Raises:
            ValueError: If the space has no float part.
        """
        floats = _float_leaves(observation_space)
        if not floats:
            raise ValueError(
                "`normalize_observations` must be False if no part of the "
                "observation is a Box of floats. Received: "
                "normalize_observations=True, "
                f"observation_space={observation_space}"
            )
        self.observation_space = observation_space
        layers = []
        for number, leaf in enumerate(floats):
            layer = RunningNormalization(name=f"normalization_{number}")
            layer.build((None, *leaf.shape))
            layers.append(layer)
        self.normalizations = layers

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        """Returns the policy's outputs for normalized observations."""
        return self.policy(self.normalized(inputs), training=training)

    def normalized(self, inputs: Any) -> Any:
        """Returns the normalized observations that the inner policy gets.

        Args:
            inputs: Batch of observations.
        """
        space = self.observation_space
        if space is None:
            raise ValueError(
                "`normalize_observations` needs the observation space before "
                "the first call. Received: observation_space=None. Pass "
                "`observation_space` to `CEMAgent`."
            )
        layers = iter(self.normalizations)
        leaves = [
            next(layers)(value) if _is_float(leaf) else value
            for leaf, value in zip(
                space.leaves, space.flatten(inputs), strict=True
            )
        ]
        return space.pack(leaves)

    def update(self, seen: list[Moments]) -> None:
        """Adds observations to the statistics of each float part.

        Args:
            seen: Moments of each float part.
        """
        for layer, moments in zip(self.normalizations, seen, strict=True):
            layer.update(moments)

    def get_config(self) -> dict[str, Any]:
        space = self.observation_space
        return {
            "name": self.name,
            "policy": keras.saving.serialize_keras_object(self.policy),
            "observation_space": (
                None if space is None else spaces.serialize(space)
            ),
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "NormalizedPolicy":
        config = dict(config)
        policy = keras.saving.deserialize_keras_object(config.pop("policy"))
        return cls(policy, **config)


def _is_float(leaf: spaces.Leaf) -> bool:
    return np.issubdtype(leaf.dtype, np.floating)


def _float_leaves(space: spaces.Space) -> list[spaces.Leaf]:
    return [leaf for leaf in space.leaves if _is_float(leaf)]
