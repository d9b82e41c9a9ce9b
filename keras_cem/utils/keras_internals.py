"""The only module that uses private or undocumented names of Keras."""

import os
from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf

from keras_cem.utils import private_names

# Each name, with the version in which it was seen.
NAMES = {
    # Shared by the overridden `make_train_function` and Keras' `fit`.
    "Model.train_function": "3.15.1",
    "Model.test_function": "3.15.1",
    "Model.make_train_function": "3.15.1",
    "Model.make_test_function": "3.15.1",
    "Model._initial_epoch": "3.15.1",
    "Model._metrics": "3.15.1",
    "Model._compile_loss": "3.15.1",
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
    "ExportArchive._tf_trackable": "3.15.1",
    "ExportArchive._filter_and_track_resources": "3.15.1",
}

_WITH_STATE = (
    keras.callbacks.EarlyStopping,
    keras.callbacks.ModelCheckpoint,
    keras.callbacks.ReduceLROnPlateau,
    keras.callbacks.TensorBoard,
)


def set_untracked(owner: Any, **values: Any) -> None:
    """Sets attributes of a layer or model that Keras does not track.

    Keras saves tracked attributes with the model, counts their variables and
    wraps their containers.

    Args:
        owner: Layer or model.
        **values: Attributes by name.
    """
    for name, value in values.items():
        object.__setattr__(owner, name, value)


def clear_initial_epoch(model: Any) -> None:
    """Makes `fit` start at `initial_epoch`.

    `BackupAndRestore` sets the epoch at which `fit` starts, and Keras does not
    clear it for the next `fit`.

    Args:
        model: A `keras.Model`.
    """
    _read(model, "Model._initial_epoch")
    model._initial_epoch = None


def attribute_metrics(model: Any) -> list[Any]:
    """Returns the metrics that are attributes of a model.

    Args:
        model: A `keras.Model`.
    """
    return list(_read(model, "Model._metrics"))


def forget_loss(model: Any) -> None:
    """Drops the loss that an earlier `compile` set.

    Keras keeps it where the next `compile` gets no loss, but saves that there
    is none.

    Args:
        model: A `keras.Model`.
    """
    model.loss = model._compile_loss = None


def weight_averages(optimizer: Any) -> list[tuple[Any, Any]]:
    """Returns each weight with its running average.

    Args:
        optimizer: Keras optimizer with `use_ema`, built.
    """
    return list(
        zip(
            _read(optimizer, "Optimizer._trainable_variables"),
            _read(optimizer, "Optimizer._model_variables_moving_average"),
            strict=True,
        )
    )


def inner_optimizer(optimizer: Any) -> Any:
    """Returns the optimizer without a wrapper for loss scaling.

    Args:
        optimizer: Keras optimizer.
    """
    if isinstance(optimizer, keras.optimizers.LossScaleOptimizer):
        return _read(optimizer, "LossScaleOptimizer.inner_optimizer")
    return optimizer


def is_plain(dense: Any) -> bool:
    """Whether a dense layer multiplies by its kernel only.

    Args:
        dense: A `keras.layers.Dense`.
    """
    return (
        not _read(dense, "Dense.lora_enabled")
        and _read(dense, "Dense.quantization_mode") is None
    )


def random_states(model: Any) -> list[Any]:
    """Returns the states of random generators, such as that of Dropout.

    Args:
        model: A `keras.Model`.
    """
    return [
        variable
        for variable in model.variables
        if variable.name == "seed_generator_state"
    ]


def has_state(callback: Any) -> bool:
    """Whether `callback_state` can return the state of a callback.

    Args:
        callback: Any callback.
    """
    return isinstance(callback, _WITH_STATE)


def callback_state(callback: Any) -> dict[str, Any]:
    """Returns the attributes that hold the state of a Keras callback.

    Args:
        callback: A callback with `has_state`, after `on_train_begin`.
    """
    kind = next(kind for kind in _WITH_STATE if isinstance(callback, kind))
    return {
        name.rpartition(".")[2]: _read(callback, name)
        for name in NAMES
        if name.startswith(f"{kind.__name__}.")
    }


def close_csv(logger: Any) -> None:
    """Closes the file of a `CSVLogger`, if `fit` came to open it.

    Args:
        logger: A `keras.callbacks.CSVLogger`.
    """
    file = getattr(logger, "csv_file", None)
    if file is not None:
        file.close()


def rewrite_csv(logger: Any, text: str, keys: Any) -> None:
    """Restores the file of a `CSVLogger` from a checkpoint.

    The file may have rows of later epochs, or lack rows that never reached the
    disk. The logger then appends after the restored rows.

    Args:
        logger: A `keras.callbacks.CSVLogger`, after `on_train_begin`.
        text: Content of the file at the checkpoint.
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
    """Records the content of a `CSVLogger`'s file without reading it.

    The logger only appends rows, so the current size identifies the content.

    Args:
        logger: A `keras.callbacks.CSVLogger`, after `on_train_begin`.

    Returns:
        Function that returns a dictionary with the recorded content, `text`,
        and the columns, `keys`.
    """
    path = _read(logger, "CSVLogger.filename")
    keys, size = _read(logger, "CSVLogger.keys"), os.path.getsize(path)

    def content() -> dict[str, Any]:
        with open(path, "rb") as file:
            return {"keys": keys, "text": file.read(size).decode()}

    return content


def write_archive(archive: Any, path: str, signatures: dict[str, Any]) -> None:
    """Writes an `ExportArchive` with signatures that are not its endpoints.

    `ExportArchive.write_out` makes a signature of each endpoint, whose outputs
    then have names such as `output_0`.

    Args:
        archive: A `keras.export.ExportArchive` with endpoints.
        path: Folder to write.
        signatures: `tf.function` of each signature by name.
    """
    _read(archive, "ExportArchive._filter_and_track_resources")()
    trackable = _read(archive, "ExportArchive._tf_trackable")
    tf.saved_model.save(trackable, path, signatures=signatures)


def _read(owner: Any, name: str) -> Any:
    return private_names.read(owner, name, "keras", NAMES)
