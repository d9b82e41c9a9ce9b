"""Discounts, and sums of rewards that depend on nothing but the rewards."""

import numpy as np
import tensorflow as tf

from keras_cem.utils.tensors import Number

# Number of float64 values that a block of sums may take.
_BLOCK = 2**20


def constant_discount(discount: float) -> tf.Tensor | None:
    """Returns the discount as a float64 scalar, or None if it is 1."""
    return None if discount == 1.0 else tf.constant(discount, tf.float64)


def discount_weights(discount: Number, steps: tf.Tensor) -> tf.Tensor:
    """Returns discount^t as float32 for int32 steps t."""
    return tf.cast(discount ** tf.cast(steps, tf.float64), tf.float32)


def sums(
    rewards: np.ndarray, mask: np.ndarray, weights: np.ndarray | None = None
) -> np.ndarray:
    """Returns the sums of rewards in float64, added step by step.

    NumPy's own sums add in another order, which depends on the padding.

    Args:
        rewards: float32 `(K, T)`.
        mask: bool `(K, T)`, true for the real steps.
        weights: float32 `(T,)`, factors of the rewards. Defaults to `None`: 1.

    Returns:
        float32 `(K,)`.
    """
    total = np.zeros(len(rewards))
    longest = int(mask.sum(axis=1).max(initial=0))
    rewards, mask = rewards[:, :longest], mask[:, :longest]
    rows = max(_BLOCK // max(rewards.shape[1], 1), 1)
    for begin in range(0, len(rewards), rows):
        block = slice(begin, begin + rows)
        terms = np.where(mask[block], rewards[block], 0.0).astype(np.float64)
        if weights is not None:
            terms *= weights[:longest].astype(np.float64)
        if terms.size:
            total[block] = np.cumsum(terms, axis=1)[:, -1]
    return total.astype(np.float32)
