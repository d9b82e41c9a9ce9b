"""Observations brought to mean 0 and variance 1, inside of the policy."""

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_cem import spaces
from keras_cem.networks.moments import Moments

# A constant observation has no variance to divide by.
EPSILON = 1e-8


@keras.saving.register_keras_serializable("keras_cem")
class RunningNormalization(keras.layers.Layer):
    """Subtracts the mean of all numbers seen, divides by their deviation.

    What is seen is told by `update`, never by calling the layer: it does the
    same with `training=True`. Before the first `update` it changes nothing.
    It computes in float32, as networks do.

    Args:
        clip: Largest absolute value of what it returns, so that what was
            nearly constant so far cannot overwhelm. Defaults to `10.0`.

    Call arguments:
        inputs: Float tensor `(batch, ...)`.

    Returns:
        Tensor of the same shape and dtype.
    """

    def __init__(self, clip: float = 10.0, **kwargs: Any):
        super().__init__(autocast=False, **kwargs)
        self.clip = clip

    def build(self, input_shape: Any) -> None:
        """Makes the statistics, of none so far."""
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

        # In float64, as millions of steps are added up ...
        self.count = weight("count", (), "float64")
        self.mean = weight("mean", shape, "float64")
        self.squares = weight("squares", shape, "float64")
        # ... and what a call needs of it, in what networks compute with.
        self.shift = weight("shift", shape, "float32")
        self.scale = weight("scale", shape, "float32", 1.0)
        self.limit = weight("limit", (), "float32", float("inf"))

    def call(self, inputs: Any) -> Any:
        """Normalises `inputs`."""
        centred = keras.ops.cast(inputs, "float32") - self.shift
        limit = keras.ops.convert_to_tensor(self.limit)
        scaled = keras.ops.clip(centred * self.scale, -limit, limit)
        return keras.ops.cast(scaled, inputs.dtype)

    def update(self, seen: Moments) -> None:
        """Takes more numbers into account.

        Args:
            seen: Their moments.
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
    """A policy that sees every float part of an observation normalised.

    Images and other integers pass as they are.

    Args:
        policy: `keras.Layer` from observations to outputs.
        observation_space: Space of one observation. Defaults to `None`: told
            by `build_for`, before the first call.

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
        """Makes one layer of statistics for each float part.

        Args:
            observation_space: Space of one observation.

        Raises:
            ValueError: If there is none.
        """
        floats = _float_leaves(observation_space)
        if not floats:
            raise ValueError(
                "`normalize_observations` must be False where no part of an "
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
        """Returns the policy's outputs for normalised observations."""
        return self.policy(self.normalized(inputs), training=training)

    def normalized(self, inputs: Any) -> Any:
        """Returns observations as the inner policy sees them.

        Args:
            inputs: Batch of observations.
        """
        space = self.observation_space
        if space is None:
            raise ValueError(
                "`normalize_observations` needs the observation space before "
                "the first call. Received: observation_space=None. Give "
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
        """Takes more observations into account.

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
