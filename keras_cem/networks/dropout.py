"""Dropout whose random state is saved with the model."""

from typing import Any

import keras
import tensorflow as tf


@keras.saving.register_keras_serializable("keras_cem")
class Dropout(keras.layers.Layer):
    """Dropout that continues its sequence of masks after a reload.

    The mask is a function of the seed, the replica and `calls`. `calls` is a
    weight that counts the calls with `training=True` and is saved with the
    other weights. Keras does not save the `SeedGenerator` of
    `keras.layers.Dropout` (keras 3.15.1;
    https://github.com/keras-team/keras/issues/19796), so that layer repeats
    its first masks after a reload. Masks are equal with and without XLA.
    """

    def __init__(self, rate: float, seed: int, **kwargs: Any):
        super().__init__(**kwargs)
        self.rate = rate
        self.seed = seed

    def build(self, input_shape: Any) -> None:
        # Each replica counts in its own copy. This needs no reduction, which
        # `tf.cond` and `tf.while_loop` do not allow.
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
        # Draw integers: XLA turns the same bits into other uniform floats
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
        # Derived seeds have 31 bits; the bits above hold the replica.
        stream = self.seed + 2**32 * tf.cast(replica_id, tf.int64)
        return tf.stack([stream, calls])
