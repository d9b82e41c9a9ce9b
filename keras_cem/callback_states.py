"""What callbacks have in mind, as a checkpoint keeps it.

A callback keeps its state across a resume if it has the methods

    get_state() -> dict, of what JSON knows, arrays, and lists of arrays
    set_state(state) -> None, called after `on_train_begin`

or is one of Keras' that are listed here. Of Keras' others, LambdaCallback,
LearningRateScheduler, ProgbarLogger, RemoteMonitor and TerminateOnNaN have none
that matters; `SwapEMAWeights` has, and it is not kept.
"""

import copy
import pathlib
from collections.abc import Callable
from typing import Any

import keras

# By the names that they have in keras 3.15.
_ATTRIBUTES: dict[Any, tuple[str, ...]] = {
    keras.callbacks.EarlyStopping: (
        "best",
        "best_epoch",
        "best_weights",
        "stopped_epoch",
        "wait",
    ),
    keras.callbacks.ModelCheckpoint: (
        "best",
        "_batches_seen_since_last_saving",
        "_last_batch_seen",
    ),
    keras.callbacks.ReduceLROnPlateau: ("best", "cooldown_counter", "wait"),
    keras.callbacks.TensorBoard: ("_global_train_batch", "_global_test_batch"),
}


def get_states(callbacks: list[Any]) -> list[dict[str, Any]]:
    """Returns class and state of each callback that has a state."""
    states = [(callback, _get_state(callback)) for callback in callbacks]
    return [
        {"class": _class_name(callback), "state": state}
        for callback, state in states
        if state is not None
    ]


def snapshot(callbacks: list[Any]) -> Callable[[], list[dict[str, Any]]]:
    """Takes note of what callbacks have in mind now, at little cost.

    Returns:
        Function that returns what `get_states` would have returned, called
        now.
    """
    noted = [(_class_name(each), _note(each)) for each in callbacks]

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
        # Not the file, which grows: rows are only added to it.
        path, keys = pathlib.Path(callback.filename), callback.keys
        size = path.stat().st_size

        def state() -> dict[str, Any]:
            with open(path, "rb") as file:
                return {"keys": keys, "text": file.read(size).decode()}

        return state
    found = _get_state(callback)
    if not type(callback).__module__.startswith(("keras_cem.", "keras.")):
        # Ours, and Keras' as listed here, replace what is in their states.
        found = copy.deepcopy(found)
    return lambda: found


def set_states(callbacks: list[Any], states: list[dict[str, Any]]) -> None:
    """Gives callbacks the states that those of their class had, in order.

    A callback without one among `states` is new in this run, and begins as it
    is. A state without a callback belongs to one that was left out.
    """
    left = list(states)
    for callback in callbacks:
        name = _class_name(callback)
        mine = next((s for s in left if s["class"] == name), None)
        if mine is not None:
            left.remove(mine)
            _set_state(callback, mine["state"])


def _class_name(callback: Any) -> str:
    kind = type(callback)
    return f"{kind.__module__}.{kind.__qualname__}"


def _get_state(callback: Any) -> dict[str, Any] | None:
    if hasattr(callback, "get_state") and hasattr(callback, "set_state"):
        return callback.get_state()
    if isinstance(callback, keras.callbacks.CSVLogger):
        path = pathlib.Path(callback.filename)
        return {
            "keys": callback.keys,
            "text": path.read_bytes().decode(),
        }
    for kind, names in _ATTRIBUTES.items():
        if isinstance(callback, kind):
            return {name: getattr(callback, name, None) for name in names}
    return None


def _set_state(callback: Any, state: dict[str, Any]) -> None:
    if hasattr(callback, "set_state"):
        callback.set_state(state)
    elif isinstance(callback, keras.callbacks.CSVLogger):
        # It has rows of epochs after the checkpoint, or lacks some that the
        # disk had not got.
        callback.csv_file.close()
        pathlib.Path(callback.filename).write_bytes(state["text"].encode())
        callback.append, append = True, callback.append
        callback.on_train_begin()
        callback.append, callback.keys = append, state["keys"]
    else:
        for name, value in state.items():
            setattr(callback, name, value)
