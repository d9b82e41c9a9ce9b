"""The callbacks of `fit`, in the order that checkpoints need."""

from collections.abc import Sequence
from typing import TypeAlias

import keras

from keras_cem.agent.progress_bar import ProgressBar
from keras_cem.engines import sources
from keras_cem.saving.resuming import RunsLast

# As Keras takes them, with nested sequences.
Callbacks: TypeAlias = (
    keras.callbacks.Callback
    | keras.callbacks.CallbackList
    | Sequence["Callbacks"]
    | None
)
# "auto", 0, 1 or 2, as in Keras.
Verbose: TypeAlias = int | str


class LogCounts(keras.callbacks.Callback):
    """Adds what a source counts to the logs of each epoch.

    With workers, these are `workers` and `chunks_replayed`.

    Args:
        source: What is played.
    """

    def __init__(self, source: sources.Source):
        super().__init__()
        self._source = source

    def on_epoch_end(
        self, epoch: int, logs: dict[str, float] | None = None
    ) -> None:
        """Adds them, for the callbacks that are called later."""
        if logs is not None:
            logs.update(self._source.counts())


def arrange(
    callbacks: Callbacks, verbose: Verbose = 0
) -> list[keras.callbacks.Callback]:
    """Returns the callbacks in call order, with `History` added.

    Args:
        callbacks: As given to `fit`.
        verbose: As given to `fit`. Above 0, a progress bar is added. Defaults
            to `0`: no.

    Raises:
        TypeError: If an element is not a callback.
    """
    if isinstance(callbacks, keras.callbacks.CallbackList):
        callbacks = callbacks.callbacks
    arranged = keras.tree.flatten(callbacks) if callbacks else []
    for callback in arranged:
        if not isinstance(callback, keras.callbacks.Callback):
            cure = ""
            if isinstance(callback, type):
                cure = f" Pass an instance: `{callback.__name__}()`."
            raise TypeError(
                "`callbacks` must be Keras callbacks. Received: "
                f"{callback!r} of type {type(callback).__name__} in "
                f"them.{cure}"
            )
    if not any(isinstance(c, keras.callbacks.History) for c in arranged):
        # Keras would append it after the callbacks that must run last.
        arranged.append(keras.callbacks.History())
    if verbose and not any(
        isinstance(c, keras.callbacks.ProgbarLogger) for c in arranged
    ):
        # Keras would append its own progress bar.
        arranged.append(ProgressBar())
    return sorted(arranged, key=lambda c: isinstance(c, RunsLast))


def say_network(inputs: dict[str, str]) -> None:
    """Prints how the default network encodes observations.

    Args:
        inputs: How it encodes each input, by name.
    """
    if inputs:
        said = "; ".join(f"{name}: {how}" for name, how in inputs.items())
        print(f"Network: {said}.")  # noqa: T201
