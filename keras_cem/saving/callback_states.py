"""Callback state stored in checkpoints.

A callback keeps its state across a resume if it has the methods

    get_state() -> dict of JSON values, arrays, and lists of arrays
    set_state(state) -> None, called after `on_train_begin`

or if it is a callback of Keras that `keras_internals` knows. LambdaCallback,
LearningRateScheduler, ProgbarLogger, RemoteMonitor and TerminateOnNaN of Keras
have no state that matters. The state of `SwapEMAWeights` is not stored.
"""

import copy
import warnings
from collections.abc import Callable
from typing import Any

import keras

from keras_cem.utils import keras_internals


def get_states(callbacks: list[Any]) -> list[dict[str, Any]]:
    """Returns the name and the state of each callback that has a state.

    The name comes from `keras.saving.get_registered_name`: the registered name
    of the class if there is one, else the name of the class. It does not depend
    on the module of the class, which may change between versions.
    """
    states = [(callback, _get_state(callback)) for callback in callbacks]
    return [
        {"class": _stable_name(callback), "state": state}
        for callback, state in states
        if state is not None
    ]


def snapshot(callbacks: list[Any]) -> Callable[[], list[dict[str, Any]]]:
    """Records the current state of callbacks at little cost.

    Returns:
        Function without arguments. It returns the recorded states in the format
        of `get_states`.
    """
    noted = [(_stable_name(each), _note(each)) for each in callbacks]

    def states() -> list[dict[str, Any]]:
        read = [(name, note()) for name, note in noted]
        return [
            {"class": name, "state": state}
            for name, state in read
            if state is not None
        ]

    return states


def _note(callback: Any) -> Callable[[], dict[str, Any] | None]:
    if isinstance(callback, keras.callbacks.CSVLogger):
        return keras_internals.csv_snapshot(callback)
    found = _get_state(callback)
    if not type(callback).__module__.startswith(("keras_cem.", "keras.")):
        # Callbacks of keras_cem and Keras replace the values in their states
        # and never change them in place; others need a copy.
        found = copy.deepcopy(found)
    return lambda: found


def set_states(callbacks: list[Any], states: list[dict[str, Any]]) -> None:
    """Sets the state of each callback, matched by name.

    Callbacks with the same name get their states in order. A callback without
    a stored state is new in this run and keeps its initial state.

    Warns:
        UserWarning: If a state matches no callback. Training then does not
            resume exactly.
    """
    unmatched = list(states)
    for callback in callbacks:
        if not _can_have_state(callback):
            continue
        names = {_stable_name(callback), type(callback).__name__}
        for position, entry in enumerate(unmatched):
            if _without_module(entry["class"]) in names:
                del unmatched[position]
                _set_state(callback, entry["state"])
                break
    if unmatched:
        lost = ", ".join(_without_module(entry["class"]) for entry in unmatched)
        given = ", ".join(_stable_name(callback) for callback in callbacks)
        warnings.warn(
            "The checkpoint holds the state of callbacks that were not "
            f"given: {lost}. Their state is lost, so training does not "
            "resume exactly. Received: callbacks of the classes "
            f"{given or 'none'}. To resume exactly, give `fit` the callbacks "
            "that the checkpoint was written with.",
            stacklevel=2,
        )


def _stable_name(callback: Any) -> str:
    return str(keras.saving.get_registered_name(type(callback)))


def _without_module(name: str) -> str:
    """Returns the stable name of a class from its name in a checkpoint.

    The first checkpoints store the path of the class, such as
    `keras.src.callbacks.csv_logger.CSVLogger`. A registered name contains `>`
    and may contain dots. A path contains `>` only in `<locals>`.
    """
    if ">" in name.replace("<locals>", ""):
        return name
    return name.rpartition(".")[2]


def _can_have_state(callback: Any) -> bool:
    return (
        _has_methods(callback)
        or isinstance(callback, keras.callbacks.CSVLogger)
        or keras_internals.has_state(callback)
    )


def _has_methods(callback: Any) -> bool:
    return hasattr(callback, "get_state") and hasattr(callback, "set_state")


def _get_state(callback: Any) -> dict[str, Any] | None:
    if _has_methods(callback):
        state: dict[str, Any] = callback.get_state()
        return state
    if isinstance(callback, keras.callbacks.CSVLogger):
        return keras_internals.csv_snapshot(callback)()
    if keras_internals.has_state(callback):
        return keras_internals.callback_state(callback)
    return None


def _set_state(callback: Any, state: dict[str, Any]) -> None:
    if _has_methods(callback):
        callback.set_state(state)
    elif isinstance(callback, keras.callbacks.CSVLogger):
        keras_internals.rewrite_csv(callback, state["text"], state["keys"])
    else:
        for name, value in state.items():
            setattr(callback, name, value)
