"""Saved state is found again after a class has moved to another module."""

import json
import shutil

import keras
import numpy as np
import pytest

import keras_cem as cem
from keras_cem.callbacks import Checkpoint, EpsilonDecay
from keras_cem.networks.dropout import Dropout
from keras_cem.saving import checkpoint_store
from keras_cem.saving.callback_states import get_states, set_states
from tests import toy_envs  # noqa: F401, registers ToySeeded-v0
from tests.helpers import assert_equal, learned_state

kc = keras.callbacks
ENV, EPOCHS, KILLED_AFTER = "ToySeeded-v0", 5, 3


class Counting(kc.Callback):
    """Logs how many epochs it has seen."""

    def __init__(self, start=0):
        super().__init__()
        self.count = start

    def on_epoch_end(self, epoch, logs=None):
        self.count += 1
        logs.setdefault("count", float(self.count))

    def get_state(self):
        return {"count": self.count}

    def set_state(self, state):
        self.count = state["count"]


@keras.saving.register_keras_serializable("tests.stable")
class Registered(Counting):
    """Has a registered name, which has a dot."""

    def get_config(self):
        return {}


def _path_of_class(callback):
    """What the first checkpoints call a callback."""
    kind = type(callback)
    return f"{kind.__module__}.{kind.__qualname__}"


def _callbacks(folder):
    monitored = {"monitor": "val_episode_return", "mode": "max"}
    return [
        EpsilonDecay(),
        Counting(),
        kc.EarlyStopping(**monitored, patience=99, restore_best_weights=True),
        kc.ModelCheckpoint(
            folder / "best.keras", save_best_only=True, **monitored
        ),
        kc.ReduceLROnPlateau(
            "episode_return", mode="max", patience=1, factor=0.5
        ),
        kc.CSVLogger(folder / "history.csv"),
        cem.callbacks.ReturnsLogger(folder / "returns.json"),
        cem.callbacks.PolicyLogger(folder / "policies.npz"),
        cem.callbacks.StopOnEpisodeReturn(1e9),
        # The second of its name.
        Counting(100),
    ]


def _fit(folder, epochs, without=(), **kwargs):
    """Trains; returns all that the training depends on and leaves."""
    agent = cem.CEMAgent.from_env(
        ENV, hidden_units=(4,), seed=3, network={"dropout": 0.3}
    )
    agent.compile(keras.optimizers.Adam(0.01), run_eagerly=True)
    callbacks = [c for c in _callbacks(folder) if not isinstance(c, without)]
    history = agent.fit(
        ENV,
        batch_size=4,
        epochs=epochs,
        validation_data=ENV,
        validation_batch_size=2,
        callbacks=[*callbacks, Checkpoint(folder / "checkpoints", keep=9)],
        verbose=0,
        **kwargs,
    )
    with np.load(folder / "policies.npz") as file:
        policies = [file[name] for name in sorted(file)]
    return {
        "history": history.history,
        "weights": [*learned_state(agent), agent.epsilon.numpy(), *policies],
        "states": json.dumps(
            [entry["state"] for entry in get_states(callbacks)],
            default=lambda value: value.tolist(),
        ),
        "csv": (folder / "history.csv").read_bytes(),
        "returns": (folder / "returns.json").read_bytes(),
    }


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """What a training comes to that is not interrupted, and its folder."""
    folder = tmp_path_factory.mktemp("whole")
    return _fit(folder, EPOCHS), folder


@pytest.fixture
def killed(whole, tmp_path):
    """A copy of its folder as it was after 3 epochs."""
    run = tmp_path / "run"
    shutil.copytree(whole[1], run)
    for epochs in range(KILLED_AFTER + 1, EPOCHS + 1):
        shutil.rmtree(run / "checkpoints" / f"epoch-{epochs:06d}")
    return run


def _checkpoint(run):
    return run / "checkpoints" / f"epoch-{KILLED_AFTER:06d}"


def _state(run):
    return json.loads((_checkpoint(run) / "state.json").read_text())


def _assert_resumes_exactly(run, whole):
    resumed = _fit(run, EPOCHS, resume_from=run / "checkpoints")
    assert '{"count": 105}' in resumed["states"]
    assert resumed.keys() == whole[0].keys()
    for key, value in resumed.items():
        if key == "weights":
            assert_equal(value, whole[0][key])
        else:
            assert value == whole[0][key]


@pytest.mark.slow
def test_checkpoint_with_paths_of_classes_resumes_exactly(whole, killed):
    """As the first checkpoints are."""
    state = _state(killed)
    names = [entry["class"] for entry in state["callbacks"]]
    paths = {
        _path_of_class(callback).rpartition(".")[2]: _path_of_class(callback)
        for callback in _callbacks(killed)
    }
    for entry in state["callbacks"]:
        entry["class"] = paths[entry["class"]]
    assert names != [entry["class"] for entry in state["callbacks"]]
    assert "keras.src.callbacks.csv_logger.CSVLogger" in paths.values()
    path = _checkpoint(killed)
    (path / "manifest.json").unlink()
    (path / "state.json").write_text(json.dumps(state))
    checkpoint_store._seal(path)
    _assert_resumes_exactly(killed, whole)


def test_classes_that_moved_resume_exactly(whole, killed, monkeypatch):
    """Of callbacks, and of what is in the agent."""
    for kind in (
        *{type(callback) for callback in _callbacks(killed)},
        cem.CEMAgent,
        Dropout,
    ):
        monkeypatch.setattr(kind, "__module__", "elsewhere.by.now")
    _assert_resumes_exactly(killed, whole)


def test_checkpoint_names_no_module(killed):
    names = [entry["class"] for entry in _state(killed)["callbacks"]]
    assert names == [
        "Counting",
        "EarlyStopping",
        "ModelCheckpoint",
        "ReduceLROnPlateau",
        "CSVLogger",
        "ReturnsLogger",
        "PolicyLogger",
        "Counting",
    ]


def test_registered_name_is_what_is_kept():
    states = get_states([Registered(7)])
    assert states == [
        {"class": "tests.stable>Registered", "state": {"count": 7}}
    ]
    after = Registered()
    set_states([Counting(), after], states)
    assert after.count == 7


@pytest.mark.parametrize(
    "name",
    [
        "tests.saving.stable_names_test.Registered",
        "elsewhere.Registered",
        "elsewhere.test.<locals>.Registered",
        "Registered",
    ],
)
def test_class_registered_after_its_state_was_kept(name):
    callback = Registered()
    set_states([callback], [{"class": name, "state": {"count": 7}}])
    assert callback.count == 7


def _stopping():
    """As it is once training has begun."""
    stopping = kc.EarlyStopping()
    stopping.on_train_begin()
    return stopping


def test_callbacks_of_one_name_are_told_apart_by_their_order():
    states = get_states([Counting(1), _stopping(), Counting(2)])
    after = [kc.EarlyStopping(), Counting(), Counting()]
    set_states(after, states)
    assert [after[1].count, after[2].count] == [1, 2]


def test_state_without_a_callback_is_reported():
    states = get_states([Counting(1), _stopping(), Counting(2)])
    after = Counting()
    with pytest.warns(UserWarning, match="not given") as warned:
        set_states([after, kc.TerminateOnNaN()], states)
    assert len(warned) == 1
    message = str(warned[0].message)
    assert (
        "state of callbacks that were not given: EarlyStopping, Counting. "
        in message
    )
    assert "Received: callbacks of the classes Counting, Term" in message
    assert after.count == 1


def test_callback_of_the_name_that_keeps_no_state_is_no_match():
    class Counting(kc.Callback):
        """Of the same name."""

    after = Counting()
    with pytest.warns(UserWarning, match="were not given: Counting"):
        set_states([after], [{"class": "Counting", "state": {"count": 1}}])
    assert not hasattr(after, "count")


def test_resumed_fit_reports_state_without_a_callback(killed):
    lost = "were not given: EarlyStopping. "
    with pytest.warns(UserWarning, match=lost):
        _fit(
            killed,
            EPOCHS,
            without=kc.EarlyStopping,
            resume_from=killed / "checkpoints",
        )
