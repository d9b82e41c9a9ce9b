"""The callbacks of a `fit`, in an order that checkpoints can rely on."""

from typing import Any

import keras

from keras_cem.agent.progress_bar import ProgressBar
from keras_cem.saving.resuming import RunsLast


def arrange(callbacks: Any, verbose: Any = 0) -> list[Any]:
    """Returns callbacks in the order they are called in, History included.

    Args:
        callbacks: As given to `fit`.
        verbose: As given to `fit`: whether there is to be a progress bar.
            Defaults to `0`: no.

    Raises:
        TypeError: If something among them is no callback.
    """
    if isinstance(callbacks, keras.callbacks.CallbackList):
        callbacks = callbacks.callbacks
    arranged = keras.tree.flatten(callbacks) if callbacks else []
    for callback in arranged:
        if not isinstance(callback, keras.callbacks.Callback):
            cure = ""
            if isinstance(callback, type):
                cure = f" Make one: `{callback.__name__}()`."
            raise TypeError(
                "`callbacks` must be Keras callbacks. Received: "
                f"{callback!r} of type {type(callback).__name__} among them."
                f"{cure}"
            )
    if not any(isinstance(c, keras.callbacks.History) for c in arranged):
        # Keras would append it, behind those that run last.
        arranged.append(keras.callbacks.History())
    if verbose and not any(
        isinstance(c, keras.callbacks.ProgbarLogger) for c in arranged
    ):
        # Keras would append its own.
        arranged.append(ProgressBar())
    return sorted(arranged, key=lambda c: isinstance(c, RunsLast))


def say_network(agent: Any) -> None:
    """Prints how the default network encodes observations.

    Args:
        agent: A `CEMAgent`, built.
    """
    inputs = agent.describe_network()
    if inputs:
        said = "; ".join(f"{name}: {how}" for name, how in inputs.items())
        print(f"Network: {said}.")  # noqa: T201
