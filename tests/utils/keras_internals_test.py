"""The names of Keras that are not promised are there."""

import keras
import numpy as np
import pytest

from keras_cem.utils import keras_internals
from keras_cem.utils.private_names import gone
from tests.helpers import DISCRETE, make_agent

kc = keras.callbacks
NAMES = keras_internals.NAMES


def _begun(callback):
    """As it is when a checkpoint is written."""
    callback.set_model(keras.Sequential([keras.Input((1,))]))
    callback.on_train_begin()
    return callback


@pytest.fixture(scope="module")
def owners(tmp_path_factory):
    """An object of Keras for each class."""
    folder = tmp_path_factory.mktemp("keras")
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    optimizer = keras.optimizers.SGD(use_ema=True)
    optimizer.build(model.trainable_variables)
    logger = _begun(kc.CSVLogger(folder / "history.csv"))
    yield {
        "Model": model,
        "Dense": model.layers[0],
        "SeedGenerator": keras.random.SeedGenerator(0),
        "LossScaleOptimizer": keras.optimizers.LossScaleOptimizer(optimizer),
        "Optimizer": optimizer,
        "EarlyStopping": _begun(kc.EarlyStopping()),
        "ModelCheckpoint": _begun(kc.ModelCheckpoint(folder / "m.keras")),
        "ReduceLROnPlateau": _begun(kc.ReduceLROnPlateau()),
        "TensorBoard": kc.TensorBoard(folder),
        "CSVLogger": logger,
        "ExportArchive": keras.export.ExportArchive(),
    }
    logger.on_train_end()


@pytest.mark.parametrize("name", NAMES)
def test_name_is_there(name, owners):
    owner, *attributes = name.split(".")
    value = owners[owner]
    for attribute in attributes:
        assert hasattr(value, attribute), gone(name, "keras", NAMES)
        value = getattr(value, attribute)


def test_make_functions_are_what_fit_and_evaluate_call():
    """Under the names that the agent overrides."""

    class Model(keras.Sequential):
        def make_train_function(self, force=False):
            super().make_train_function(force)
            called.append(("train", callable(self.train_function)))

        def make_test_function(self, force=False):
            super().make_test_function(force)
            called.append(("test", callable(self.test_function)))

    called = []
    model = Model([keras.Input((1,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse", run_eagerly=True)
    x = np.zeros((2, 1), np.float32)
    model.fit(x, x, verbose=0)
    model.evaluate(x, x, verbose=0)
    assert called == [("train", True), ("test", True)]


def test_backup_and_restore_sets_the_initial_epoch(tmp_path):
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    backup = kc.BackupAndRestore(tmp_path, delete_checkpoint=False)
    x = np.zeros((2, 1), np.float32)
    for _ in range(2):
        model.fit(x, x, epochs=3, verbose=0, callbacks=[backup])
    assert model._initial_epoch == 3
    keras_internals.clear_initial_epoch(model)
    assert model.fit(x, x, epochs=2, verbose=0).epoch == [0, 1]


def test_random_states_are_those_of_dropout():
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dropout(0.5)])
    (state,) = keras_internals.random_states(model)
    before = np.copy(state.numpy())
    model(np.ones((1, 1)), training=True)
    assert (state.numpy() != before).any()


@pytest.mark.parametrize("scaled", [False, True])
def test_weight_averages_pair_weights_with_their_means(scaled):
    dense = keras.layers.Dense(1)
    dense.build((None, 2))
    optimizer = keras.optimizers.SGD(1.0, use_ema=True, ema_momentum=0.75)
    outer = optimizer
    if scaled:
        outer = keras.optimizers.LossScaleOptimizer(optimizer)
    outer.build(dense.trainable_variables)
    assert keras_internals.inner_optimizer(outer) is optimizer
    pairs = keras_internals.weight_averages(optimizer)
    assert [
        weight is own
        for (weight, _), own in zip(
            pairs, dense.trainable_variables, strict=True
        )
    ] == [True, True]
    assert [mean.shape for _, mean in pairs] == [(2, 1), (1,)]


def test_dense_layer_with_lora_is_not_plain():
    dense = keras.layers.Dense(4)
    dense.build((None, 4))
    assert keras_internals.is_plain(dense)
    dense.enable_lora(1)
    assert not keras_internals.is_plain(dense)


def test_untracked_values_are_no_part_of_the_model():
    agent = make_agent(DISCRETE)
    before = len(agent.variables)
    layer, values = keras.layers.Dense(1), [1]
    layer.build((None, 1))
    keras_internals.set_untracked(agent, _mine=layer, _values=values)
    assert agent._mine is layer
    # Keras wraps the lists that it tracks.
    assert agent._values is values
    assert len(agent.variables) == before


def test_state_of_a_class_without_its_attribute_names_it_and_the_version(
    monkeypatch,
):
    stopping = _begun(kc.EarlyStopping())
    monkeypatch.delattr(stopping, "wait")
    with pytest.raises(RuntimeError, match=r"`EarlyStopping\.wait`") as error:
        keras_internals.callback_state(stopping)
    assert f"Received: keras {keras.__version__} without it" in str(error.value)
    assert f"which keras {NAMES['EarlyStopping.wait']} has" in str(error.value)
