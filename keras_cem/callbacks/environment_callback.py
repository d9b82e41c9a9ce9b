"""The base of callbacks that need an agent on an environment."""

from typing import Any

import keras


class EnvironmentCallback(keras.callbacks.Callback):
    """A callback for `fit` of a `CEMAgent` on an environment.

    A subclass that overrides `on_train_begin` calls this class first.

    Attributes:
        for_arrays: Last sentence of the error on arrays: what to use there.
            Defaults to `""`: nothing.
    """

    for_arrays = ""

    def on_train_begin(self, logs: Any = None) -> None:
        """Refuses other models, and agents that train on arrays.

        Raises:
            RuntimeError: If `fit` does not play an environment.
        """
        if getattr(self.model, "run", None) is None:
            cure = f". {self.for_arrays}" if self.for_arrays else ""
            raise RuntimeError(
                f"`{type(self).__name__}` must be used with `fit` of a "
                "`CEMAgent` on an environment. "
                f"Received: model={self.model!r}{cure}"
            )
