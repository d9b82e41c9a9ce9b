"""Saves and loads the complete state of training."""

import dataclasses
import json
import pathlib
import zipfile
from typing import Any

import keras
import numpy as np

from keras_cem.saving import callback_states
from keras_cem.saving.config_versions import VERSION_KEYS
from keras_cem.utils import keras_internals

AGENT, STATE, ARRAYS = "agent.keras", "state.json", "arrays.npz"


@dataclasses.dataclass
class TrainingState:
    """State of training that is not part of the agent.

    Attributes:
        epochs: Number of epochs done.
        stopped: Whether a callback had stopped training.
        history: Content of `keras.callbacks.History`: `epoch` and `logs`.
        callbacks: States from `callback_states.get_states`, at the end of the
            last epoch done.
        executions: Number of executions of the train function done in the next
            epoch. Defaults to `0`.
    """

    epochs: int
    stopped: bool
    history: dict[str, Any]
    callbacks: list[dict[str, Any]]
    executions: int = 0

    def resume(self, callbacks: list[Any]) -> None:
        """Restores the state of callbacks."""
        for callback in callbacks:
            if isinstance(callback, keras.callbacks.History):
                callback.epoch = list(self.history["epoch"])
                callback.history = dict(self.history["logs"])
        callback_states.set_states(callbacks, self.callbacks)


def save(folder: pathlib.Path, agent: Any, state: TrainingState) -> None:
    """Writes an agent and the state of its training.

    Args:
        folder: Folder to write to.
        agent: A `CEMAgent`. It is saved with its optimizer.
        state: Training state that is not part of the agent.

    Raises:
        TypeError: If the state of a callback holds anything but JSON values,
            arrays, and lists of arrays.
    """
    agent.save(folder / AGENT)
    # Keras does not save random states with a model (keras 3.15, layer.py).
    arrays = {
        f"seed_{number}": np.asarray(variable)
        for number, variable in enumerate(keras_internals.random_states(agent))
    }
    if state.executions:
        for number, variable in enumerate(within_epoch(agent)):
            arrays[f"epoch_{number}"] = np.asarray(variable)
    content = dataclasses.asdict(state)
    if not state.executions:
        # Earlier versions do not know this key.
        del content["executions"]
    (folder / STATE).write_text(_to_json(content, arrays))
    np.savez(folder / ARRAYS, allow_pickle=False, **arrays)


def load(folder: pathlib.Path, agent: Any) -> TrainingState:
    """Loads a checkpoint into an agent and returns the training state.

    Args:
        folder: A complete checkpoint.
        agent: `CEMAgent` with the same configuration, built and compiled.

    Raises:
        ValueError: If the agent has another configuration.
    """
    path = folder / AGENT
    _check_same(agent, path)
    agent.load_weights(path)
    with np.load(folder / ARRAYS, allow_pickle=False) as file:
        arrays = dict(file)
    for number, variable in enumerate(keras_internals.random_states(agent)):
        variable.assign(arrays[f"seed_{number}"])
    state = TrainingState(**_from_json((folder / STATE).read_text(), arrays))
    if state.executions:
        for number, variable in enumerate(within_epoch(agent)):
            # Earlier versions have fewer of them.
            if (name := f"epoch_{number}") in arrays:
                variable.assign(arrays[name])
    return state


def within_epoch(agent: Any) -> list[Any]:
    """Returns variables that each epoch resets and that Keras does not save."""
    metrics = agent.train_metrics.all()
    variables = [each for metric in metrics for each in metric.variables]
    return [*variables, *agent.graph_execution.within_epoch]


def _to_json(content: Any, arrays: dict[str, np.ndarray]) -> str:
    def encode(value: Any) -> Any:
        array = np.asarray(value)
        if array.dtype.hasobject:
            raise TypeError(
                "History and callback state must consist of JSON values, "
                f"arrays and lists of arrays. Received: {value!r} of type "
                f"{type(value).__name__}"
            )
        if isinstance(value, np.generic) or not isinstance(value, np.ndarray):
            return array.item() if array.ndim == 0 else array.tolist()
        name = f"array_{len(arrays)}"
        arrays[name] = value
        return {"__array__": name}

    return json.dumps(content, default=encode)


def _from_json(text: str, arrays: dict[str, np.ndarray]) -> Any:
    def decode(content: dict[str, Any]) -> Any:
        if content.keys() == {"__array__"}:
            return arrays[content["__array__"]]
        return content

    return json.loads(text, object_hook=decode)


def _check_same(agent: Any, path: pathlib.Path) -> None:
    """Refuses an agent whose configuration differs from the checkpoint.

    The learning rate may differ; the value of the checkpoint is used.
    """
    with zipfile.ZipFile(path) as archive:
        theirs = json.loads(archive.read("config.json"))
    ours = json.loads(json.dumps(keras.saving.serialize_keras_object(agent)))
    theirs, ours = _settings(theirs), _settings(ours)
    # A key that only one of them has belongs to an option of a later version,
    # which is off by default.
    differing = [
        f"{key}={ours[key]!r}, not {theirs[key]!r}"
        for key in ours
        if key in theirs and ours[key] != theirs[key]
    ]
    if differing:
        raise ValueError(
            "`resume_from` must hold checkpoints of an agent with the same "
            f"arguments. Received: {path.parent}, and an agent with "
            f"{', '.join(differing)}. Create the agent with the arguments of "
            "the checkpoint, including `seed`, or load it: "
            f"keras.saving.load_model({str(path)!r})."
        )


def _settings(saved: dict[str, Any]) -> dict[str, Any]:
    """Returns the settings that determine training."""
    compiled = saved.get("compile_config") or {}
    settings = {
        **saved["config"],
        "optimizer": compiled.get("optimizer"),
        "critic_optimizer": compiled.get("critic_optimizer"),
        "loss": compiled.get("loss"),
    }
    for key in ("name", *VERSION_KEYS):
        settings.pop(key, None)
    nameless: dict[str, Any] = _nameless(settings)
    return nameless


def _nameless(settings: Any) -> Any:
    """Removes values that differ between two equal agents.

    Keras numbers the names of layers within a process. Here, names become
    numbers in the order of their occurrence. The module of a class with a
    registered name is left out, because it may change between versions.
    """
    names: dict[str, str] = {}
    passing = {"build_config", "shared_object_id", "learning_rate"}

    def collect(node: Any) -> None:
        if isinstance(node, dict):
            name = node.get("name")
            if isinstance(name, str):
                names.setdefault(name, f"#{len(names)}")
        for child in _children(node):
            collect(child)

    def replace(node: Any) -> Any:
        if isinstance(node, dict):
            left_out = passing | (
                {"module"} if node.get("registered_name") else set()
            )
            return {
                key: replace(child)
                for key, child in node.items()
                if key not in left_out
            }
        if isinstance(node, list):
            return [replace(child) for child in node]
        return names.get(node, node) if isinstance(node, str) else node

    collect(settings)
    return replace(settings)


def _children(node: Any) -> list[Any]:
    if isinstance(node, dict):
        return list(node.values())
    return node if isinstance(node, list) else []
