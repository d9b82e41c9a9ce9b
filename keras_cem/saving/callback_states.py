"""What callbacks have in mind, as a checkpoint keeps it.

A callback keeps its state across a resume if it has the methods

    get_state() -> dict, of what JSON knows, arrays, and lists of arrays
    set_state(state) -> None, called after `on_train_begin`

or is one of Keras' that `keras_internals` knows. Of Keras' others,
LambdaCallback, LearningRateScheduler, ProgbarLogger, RemoteMonitor and
TerminateOnNaN have none that matters; `SwapEMAWeights` has, and it is not kept.
"""

import copy
import warnings
from collections.abc import Callable
from typing import Any

import keras

from keras_cem.utils import keras_internals


def get_states(callbacks: list[Any]) -> list[dict[str, Any]]:
    """Returns name and state of each callback that has a state.

    The name is that of `keras.saving.get_registered_name`: the registered name
    of the class, else the name of the class. It does not depend on the module
    of the class, which may move from one version to the next.
    """
    states = [(callback, _get_state(callback)) for callback in callbacks]
    return [
        {"class": _stable_name(callback), "state": state}
        for callback, state in states
        if state is not None
    ]


def snapshot(callbacks: list[Any]) -> Callable[[], list[dict[str, Any]]]:
    """Takes note of what callbacks have in mind now, at little cost.

    Returns:
        Function that returns what `get_states` would have returned, called
        now.
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
        # Ours, and Keras' as listed here, replace what is in their states.
        found = copy.deepcopy(found)
    return lambda: found


def set_states(callbacks: list[Any], states: list[dict[str, Any]]) -> None:
    """Gives each callback the state of the same name.

    Callbacks of the same name receive their states in order. A callback without
    a state among `states` is new in this run, and begins afresh.

    Warns:
        UserWarning: If a state finds no callback: training then does not go on
            exactly as before the checkpoint.
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
            f"The checkpoint has states that find no callback: {lost}. They "
            "are lost, and training does not resume exactly. Received: "
            f"callbacks of the classes {given or 'none'}. To resume exactly, "
            "give `fit` the callbacks that the checkpoint was written with.",
            stacklevel=2,
        )


def _stable_name(callback: Any) -> str:
    return keras.saving.get_registered_name(type(callback))


def _without_module(name: str) -> str:
    """Returns the stable name for what a checkpoint calls a class.

    The first checkpoints have the path of the class, such as
    `keras.src.callbacks.csv_logger.CSVLogger`. A registered name has a `>`, and
    may have dots; a path has one only in `<locals>`.
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
        return callback.get_state()
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
