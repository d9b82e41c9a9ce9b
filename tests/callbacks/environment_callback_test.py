import keras
import numpy as np
import pytest

import keras_cem as cem
from keras_cem import callbacks

MADE = {
    "Checkpoint": lambda folder: callbacks.Checkpoint(folder),
    "PolicyLogger": lambda folder: callbacks.PolicyLogger(folder / "a.npz"),
    "ReturnsLogger": lambda folder: callbacks.ReturnsLogger(folder / "a.json"),
    "Summaries": lambda folder: callbacks.Summaries(folder),
}
FOR_ARRAYS = {
    "Checkpoint": ". For arrays, use `keras.callbacks.BackupAndRestore`.",
    "Summaries": ". For arrays, use `keras.callbacks.TensorBoard`.",
}


@pytest.mark.parametrize("name", MADE)
def test_other_models_are_refused(name, tmp_path):
    callback, model = MADE[name](tmp_path), keras.Sequential()
    callback.set_model(model)
    with pytest.raises(RuntimeError) as error:
        callback.on_train_begin()
    assert str(error.value) == (
        f"`{name}` must be used with `fit` of a `CEMAgent` on an environment. "
        f"Received: model={model!r}{FOR_ARRAYS.get(name, '')}"
    )
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", MADE)
def test_fit_on_arrays_is_refused(name, tmp_path):
    agent = cem.CEMAgent.from_env("CartPole-v1", hidden_units=(), seed=0)
    agent.compile(optimizer="sgd")
    x, y = np.zeros((4, 4), "float32"), np.zeros(4, int)
    with pytest.raises(RuntimeError, match=f"`{name}` must be used with `fit`"):
        agent.fit(x, y, callbacks=[MADE[name](tmp_path)], verbose=0)
