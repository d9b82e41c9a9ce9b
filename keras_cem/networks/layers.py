"""Layers that turn raw observations into what a network takes."""

from typing import Any

import keras


@keras.saving.register_keras_serializable("keras_cem")
class OneHot(keras.layers.Layer):
    """One-hot vectors of the integers `start, ..., start + n - 1`.

    Args:
        n: Number of integers.
        start: The smallest. Defaults to `0`.

    Call arguments:
        inputs: Integer tensor `(batch, ...)`.

    Returns:
        Float tensor `(batch, ..., n)`; zeros for an integer out of range.
    """

    def __init__(self, n: int, start: int = 0, **kwargs: Any):
        super().__init__(**kwargs)
        self.n = n
        self.start = start

    def call(self, inputs: Any) -> Any:
        """Encodes `inputs`."""
        return keras.ops.one_hot(
            inputs - self.start, self.n, dtype=self.compute_dtype
        )

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {**super().get_config(), "n": self.n, "start": self.start}
