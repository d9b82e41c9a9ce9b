import keras
import numpy as np
import pytest

from keras_cem.saving.callback_states import get_states, set_states

kc = keras.callbacks


class Stateful(keras.callbacks.Callback):
    """Has the methods of the protocol."""

    def __init__(self, value=0):
        super().__init__()
        self.value = value

    def get_state(self):
        return {"value": self.value}

    def set_state(self, state):
        self.value = state["value"]


class Impatient(kc.EarlyStopping):
    """A class derived from one of Keras'."""


def test_states_are_given_by_class_in_order():
    before = [Stateful(1), kc.LambdaCallback(), Impatient(), Stateful(2)]
    before[2].on_train_begin()
    before[2].wait = 7
    states = get_states(before)
    assert [state["class"] for state in states] == [
        "Stateful",
        "Impatient",
        "Stateful",
    ]
    # One is new, another was left out, and they stand in another order.
    after = [Impatient(), kc.TerminateOnNaN(), Stateful(), kc.EarlyStopping()]
    with pytest.warns(UserWarning, match="were not given: Stateful. Their"):
        set_states(after, states)
    assert after[0].wait == 7
    assert after[2].value == 1
    assert after[3].wait == 0


@pytest.mark.parametrize(
    ("make", "mind"),
    [
        (
            lambda: kc.EarlyStopping("x", mode="max"),
            {
                "best": 2.5,
                "best_epoch": 3,
                "best_weights": [np.ones(2)],
                "stopped_epoch": 4,
                "wait": 5,
            },
        ),
        (
            lambda: kc.ModelCheckpoint("x.keras", save_freq=10),
            {
                "best": 2.5,
                "_batches_seen_since_last_saving": 6,
                "_last_batch_seen": 2,
            },
        ),
        (
            lambda: kc.ReduceLROnPlateau("x"),
            {"best": 2.5, "cooldown_counter": 1, "wait": 2},
        ),
        (
            lambda: kc.TensorBoard("logs"),
            {"_global_train_batch": 9, "_global_test_batch": 8},
        ),
    ],
    ids=[
        "EarlyStopping",
        "ModelCheckpoint",
        "ReduceLROnPlateau",
        "TensorBoard",
    ],
)
def test_what_keras_callbacks_have_in_mind(make, mind):
    """Keras has each of these names, and they are set and got."""
    before, after = make(), make()
    missing = [name for name in mind if not hasattr(before, name)]
    # These two are made as training begins.
    assert set(missing) <= {"best_epoch", "_global_test_batch"} | {
        "_global_train_batch"
    }
    for name, value in mind.items():
        setattr(before, name, value)
    states = get_states([before])
    assert states == [{"class": type(before).__name__, "state": mind}]
    set_states([after], states)
    assert {name: getattr(after, name) for name in mind} == mind


@pytest.mark.parametrize("append", [False, True])
def test_csv_file_is_what_it_was(append, tmp_path):
    path = tmp_path / "history.csv"
    before = kc.CSVLogger(path, append=append)
    before.on_train_begin()
    before.on_epoch_end(0, {"loss": 1.5, "val_loss": 2.5})
    states = get_states([before])
    text = path.read_bytes()
    assert text == b"epoch,loss,val_loss\r\n0,1.5,2.5\r\n"
    before.on_epoch_end(1, {"loss": 7.5, "val_loss": 8.5})
    before.on_train_end()

    after = kc.CSVLogger(path, append=append)
    after.on_train_begin()
    set_states([after], states)
    assert path.read_bytes() == text
    assert after.append is append
    # No validation: the columns stay those of the first row.
    after.on_epoch_end(1, {"loss": 0.5})
    after.on_train_end()
    assert path.read_bytes() == text + b"1,0.5,NA\r\n"
