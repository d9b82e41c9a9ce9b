"""Names of Keras that are private or undocumented, used in this module only."""

import os
from collections.abc import Callable
from typing import Any

import keras

from keras_cem.utils import private_names

# The version that each name was seen in.
NAMES = {
    # Between the overridden `make_train_function` and Keras' `fit`.
    "Model.train_function": "3.15.1",
    "Model.test_function": "3.15.1",
    "Model.make_train_function": "3.15.1",
    "Model.make_test_function": "3.15.1",
    "Model._initial_epoch": "3.15.1",
    "Dense.lora_enabled": "3.15.1",
    "Dense.quantization_mode": "3.15.1",
    "SeedGenerator.state.name": "3.15.1",
    "LossScaleOptimizer.inner_optimizer": "3.15.1",
    "Optimizer._trainable_variables": "3.15.1",
    "Optimizer._model_variables_moving_average": "3.15.1",
    "EarlyStopping.best": "3.15.1",
    "EarlyStopping.best_epoch": "3.15.1",
    "EarlyStopping.best_weights": "3.15.1",
    "EarlyStopping.stopped_epoch": "3.15.1",
    "EarlyStopping.wait": "3.15.1",
    "ModelCheckpoint.best": "3.15.1",
    "ModelCheckpoint._batches_seen_since_last_saving": "3.15.1",
    "ModelCheckpoint._last_batch_seen": "3.15.1",
    "ReduceLROnPlateau.best": "3.15.1",
    "ReduceLROnPlateau.cooldown_counter": "3.15.1",
    "ReduceLROnPlateau.wait": "3.15.1",
    "TensorBoard._global_train_batch": "3.15.1",
    "TensorBoard._global_test_batch": "3.15.1",
    "CSVLogger.append": "3.15.1",
    "CSVLogger.csv_file": "3.15.1",
    "CSVLogger.filename": "3.15.1",
    "CSVLogger.keys": "3.15.1",
}

_WITH_STATE = (
    keras.callbacks.EarlyStopping,
    keras.callbacks.ModelCheckpoint,
    keras.callbacks.ReduceLROnPlateau,
    keras.callbacks.TensorBoard,
)


def set_untracked(owner: Any, **values: Any) -> None:
    """Sets attributes of a layer or a model past Keras' tracking.

    Keras walks through what it tracks as it saves a model, counts its
    variables, and wraps its containers.

    Args:
        owner: Layer or model.
        **values: Attributes.
    """
    for name, value in values.items():
        object.__setattr__(owner, name, value)


def clear_initial_epoch(model: Any) -> None:
    """Lets `fit` begin where `initial_epoch` says.

    `BackupAndRestore` sets the epoch that `fit` starts from, and nothing clears
    it for the next `fit`.

    Args:
        model: A `keras.Model`.
    """
    _read(model, "Model._initial_epoch")
    model._initial_epoch = None


def weight_averages(optimizer: Any) -> list[tuple[Any, Any]]:
    """Returns each weight with its running mean.

    Args:
        optimizer: Of Keras, built, with `use_ema`.
    """
    return list(
        zip(
            _read(optimizer, "Optimizer._trainable_variables"),
            _read(optimizer, "Optimizer._model_variables_moving_average"),
            strict=True,
        )
    )


def inner_optimizer(optimizer: Any) -> Any:
    """Returns the optimizer that steps, without loss scaling around it.

    Args:
        optimizer: Of Keras.
    """
    if isinstance(optimizer, keras.optimizers.LossScaleOptimizer):
        return _read(optimizer, "LossScaleOptimizer.inner_optimizer")
    return optimizer


def is_plain(dense: Any) -> bool:
    """Whether a dense layer multiplies by its kernel, and by nothing else.

    Args:
        dense: A `keras.layers.Dense`.
    """
    return (
        not _read(dense, "Dense.lora_enabled")
        and _read(dense, "Dense.quantization_mode") is None
    )


def random_states(model: Any) -> list[Any]:
    """Returns the states of random generators, such as those of Dropout.

    Args:
        model: A `keras.Model`.
    """
    return [
        variable
        for variable in model.variables
        if variable.name == "seed_generator_state"
    ]


def has_state(callback: Any) -> bool:
    """Whether a callback of Keras has a state that `callback_state` returns.

    Args:
        callback: Any callback.
    """
    return isinstance(callback, _WITH_STATE)


def callback_state(callback: Any) -> dict[str, Any]:
    """Returns the attributes that make up the state of a callback of Keras.

    Args:
        callback: One that `has_state`, after `on_train_begin`.
    """
    kind = next(kind for kind in _WITH_STATE if isinstance(callback, kind))
    return {
        name.rpartition(".")[2]: _read(callback, name)
        for name in NAMES
        if name.startswith(f"{kind.__name__}.")
    }


def rewrite_csv(logger: Any, text: str, keys: Any) -> None:
    """Gives a `CSVLogger` the rows of a checkpoint, and the place behind them.

    The file may have rows of later epochs, or lack rows that never reached the
    disk.

    Args:
        logger: A `keras.callbacks.CSVLogger`, after `on_train_begin`.
        text: What the file held.
        keys: Columns of the file.
    """
    _read(logger, "CSVLogger.csv_file").close()
    with open(_read(logger, "CSVLogger.filename"), "wb") as file:
        file.write(text.encode())
    append = _read(logger, "CSVLogger.append")
    logger.append = True
    logger.on_train_begin()
    logger.append, logger.keys = append, keys


def csv_snapshot(logger: Any) -> Callable[[], dict[str, Any]]:
    """Notes the content of a `CSVLogger`'s file without reading it.

    Rows are only added to the file, so its size now says what it held.

    Args:
        logger: A `keras.callbacks.CSVLogger`, after `on_train_begin`.

    Returns:
        Function that returns the text noted, as `text`, and the columns, as
        `keys`.
    """
    path = _read(logger, "CSVLogger.filename")
    keys, size = _read(logger, "CSVLogger.keys"), os.path.getsize(path)

    def content() -> dict[str, Any]:
        with open(path, "rb") as file:
            return {"keys": keys, "text": file.read(size).decode()}

    return content


def _read(owner: Any, name: str) -> Any:
    return private_names.read(owner, name, "keras", NAMES)
