"""A resumed training equals one that was never interrupted."""

import errno
import json
import os
import shutil
import signal

import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_cem as cem
from keras_cem.callbacks import Checkpoint, EpsilonDecay, TrainingInterrupted
from tests import processes, toy_envs  # noqa: F401, registers ToySeeded-v0
from tests.helpers import assert_equal, learned_state

pytestmark = pytest.mark.slow

ENV = "ToySeeded-v0"
EPOCHS = 6
# All that an agent has in mind besides its weights.
OPTIONS = {
    "network": {"dropout": 0.3},
    "elite_memory": 2,
    "elite_memory_age": 2,
    "normalize_observations": True,
    "gradient_steps": 2,
    "minibatch_size": 7,
}


def _agent(env=ENV, *, seed=3, network=None, eager=True, **kwargs):
    agent = cem.CEMAgent.from_env(
        env, hidden_units=(4,), network=network, seed=seed, **kwargs
    )
    agent.compile(keras.optimizers.Adam(0.01), run_eagerly=eager)
    return agent


def _state(agent):
    counters = (agent.epsilon, agent.iteration, agent.env_steps)
    return [*learned_state(agent), *(np.copy(c.numpy()) for c in counters)]


def _fit(agent, epochs, directory, *others, env=ENV, **kwargs):
    arguments = {
        "batch_size": 4,
        "epochs": epochs,
        "validation_data": env,
        "validation_batch_size": 2,
        "verbose": 0,
        **kwargs,
    }
    callbacks = [EpsilonDecay(), *others]
    if directory is not None:
        # First, to see that it is called last all the same.
        callbacks.insert(0, Checkpoint(directory, keep=9))
    return agent.fit(env, callbacks=callbacks, **arguments)


def _names(directory):
    return sorted(path.name for path in directory.iterdir())


class Counting(keras.callbacks.Callback):
    """Counts epochs, in a number and in arrays, and logs what it counted."""

    def __init__(self):
        super().__init__()
        self.count, self.arrays = 0, [np.zeros(2), np.zeros((), "int8")]

    def on_epoch_end(self, epoch, logs=None):
        self.count += 1
        self.arrays = [array + 1 for array in self.arrays]
        logs["count"] = self.count + float(self.arrays[0].sum())

    def get_state(self):
        return {"count": self.count, "arrays": self.arrays}

    def set_state(self, state):
        self.count, self.arrays = state["count"], state["arrays"]


class Kept:
    """Callbacks that have something in mind, and what that is."""

    def __init__(self, folder):
        self.csv = folder / "history.csv"
        self.stopping = keras.callbacks.EarlyStopping(
            "val_episode_return",
            mode="max",
            patience=99,
            restore_best_weights=True,
        )
        self.best = keras.callbacks.ModelCheckpoint(
            folder / "best.keras",
            monitor="val_episode_return",
            mode="max",
            save_best_only=True,
        )
        self.plateau = keras.callbacks.ReduceLROnPlateau(
            "episode_return", mode="max", patience=1, factor=0.5, cooldown=1
        )
        self.counting = Counting()
        self.callbacks = [
            self.stopping,
            self.best,
            self.plateau,
            self.counting,
            keras.callbacks.CSVLogger(self.csv),
        ]

    def in_mind(self):
        stopping, plateau = self.stopping, self.plateau
        return {
            "csv": self.csv.read_bytes(),
            "stopping": (stopping.wait, stopping.best, stopping.best_epoch),
            "best": self.best.best,
            "plateau": (plateau.wait, plateau.best, plateau.cooldown_counter),
            "count": self.counting.count,
        }


def _killed_after(epochs, directory):
    """Leaves what there was as so many epochs were done."""
    for path in directory.iterdir():
        if int(path.name.removeprefix("epoch-")) > epochs:
            shutil.rmtree(path)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A training that is not interrupted, its callbacks and checkpoints."""
    folder = tmp_path_factory.mktemp("whole")
    agent, kept = _agent(**OPTIONS), Kept(folder)
    history = _fit(
        agent, EPOCHS, folder / "checkpoints", *kept.callbacks
    ).history
    return agent, kept, history, folder


@pytest.fixture
def killed(whole, tmp_path):
    """A copy of it as it was killed behind the checkpoint of 4 epochs."""
    shutil.copytree(whole[3], tmp_path / "run")
    _killed_after(4, tmp_path / "run" / "checkpoints")
    return tmp_path / "run"


def test_resumed_equals_uninterrupted_to_the_last_bit(whole, killed):
    expected_agent, expected_kept, expected_history, _ = whole
    agent, kept = _agent(**OPTIONS), Kept(killed)
    checkpoints = killed / "checkpoints"
    history = _fit(
        agent, EPOCHS, checkpoints, *kept.callbacks, resume_from=checkpoints
    )
    assert history.history == expected_history
    assert history.epoch == list(range(EPOCHS))
    assert_equal(_state(agent), _state(expected_agent))
    assert kept.in_mind() == expected_kept.in_mind()
    assert_equal(
        kept.stopping.best_weights, expected_kept.stopping.best_weights
    )
    # Something was kept, and it changed before and after the resume.
    assert expected_history["count"] == [3.0 * n for n in range(1, EPOCHS + 1)]
    assert len(set(expected_history["epsilon"])) == EPOCHS


def test_rows_that_were_lost_with_the_file_are_written_again(whole, killed):
    kept = Kept(killed)
    kept.csv.unlink()
    _fit(
        _agent(**OPTIONS),
        EPOCHS,
        None,
        *kept.callbacks,
        resume_from=killed / "checkpoints",
    )
    assert kept.csv.read_bytes() == whole[1].csv.read_bytes()


def test_finished_training_is_not_trained_any_further(whole):
    _, _, expected_history, folder = whole
    agent = _agent(**OPTIONS)
    resume_from = folder / "checkpoints"
    with pytest.warns(
        UserWarning, match="state of callbacks that were not given"
    ):
        history = _fit(agent, EPOCHS, None, resume_from=resume_from)
    assert history.history == expected_history
    assert int(agent.iteration) == EPOCHS
    with pytest.raises(ValueError, match="`epochs` must be at least") as error:
        _fit(agent, EPOCHS - 1, None, resume_from=resume_from)
    assert f"at least {EPOCHS}, the number of epochs already done" in str(
        error.value
    )
    assert f"Received: epochs={EPOCHS - 1}" in str(error.value)


def test_broken_checkpoint_falls_back_to_the_one_before(whole, killed):
    checkpoints = killed / "checkpoints"
    broken = checkpoints / "epoch-000004" / "agent.keras"
    os.truncate(broken, 1000)
    agent, kept = _agent(**OPTIONS), Kept(killed)
    with pytest.warns(UserWarning, match="Skipped damaged checkpoints"):
        history = _fit(
            agent, EPOCHS, None, *kept.callbacks, resume_from=checkpoints
        )
    assert history.history == whole[2]
    assert_equal(_state(agent), _state(whole[0]))


@pytest.mark.parametrize("engine", ["graph", "host"])
def test_resumed_equals_uninterrupted_on_both_engines(engine, tmp_path):
    """Compiled, and all that the agent had learned before is replaced."""
    env = "CartPole-v1"
    agent = _agent(
        env,
        eager=False,
        elite_quantile=0.5,
        elite_memory=2,
        normalize_observations=True,
        persistence=3,
    )
    arguments = {"env": env, "engine": engine, "max_episode_steps": 10}
    expected = _fit(agent, 3, tmp_path, **arguments).history
    state = _state(agent)
    _killed_after(1, tmp_path)
    for variable in agent.policy.trainable_variables:
        variable.assign_add(tf.ones_like(variable))
    again = _fit(agent, 3, tmp_path, resume_from=tmp_path, **arguments)
    assert again.history == expected
    assert_equal(_state(agent), state)


def test_random_numbers_of_a_layer_of_keras_go_on(tmp_path):
    """Keras does not save where its Dropout is."""

    def agent():
        policy = keras.Sequential(
            [
                keras.Input((2,)),
                keras.layers.Dropout(0.5, seed=1),
                keras.layers.Dense(
                    3, kernel_initializer=keras.initializers.Ones()
                ),
            ]
        )
        made = cem.CEMAgent(policy, cem.spaces.Discrete(3), seed=1)
        made.compile("sgd", run_eagerly=True)
        return made

    whole = agent()
    expected = _fit(whole, 4, tmp_path).history
    _killed_after(2, tmp_path)
    again = agent()
    assert _fit(again, 4, None, resume_from=tmp_path).history == expected
    assert_equal(_state(again), _state(whole))


def test_training_that_a_callback_stopped_stays_stopped(tmp_path):
    stop = cem.callbacks.StopOnEpisodeReturn(-1000.0)
    agent = _agent()
    assert _fit(agent, 5, tmp_path, stop).epoch == [0]
    history = _fit(agent, 5, tmp_path, resume_from=tmp_path)
    assert history.epoch == [0]
    assert int(agent.iteration) == 1


def test_checkpoints_are_as_often_and_as_many_as_asked(tmp_path):
    agent = _agent()
    _fit(agent, 7, None, Checkpoint(tmp_path, every=2, keep=2))
    # The last epoch is always there.
    assert _names(tmp_path) == ["epoch-000006", "epoch-000007"]
    saved = keras.saving.load_model(tmp_path / "epoch-000007" / "agent.keras")
    assert_equal(_state(saved), _state(agent))


# Full disk


def test_full_disk_stops_training_and_loses_nothing(tmp_path, monkeypatch):
    agent, whole = _agent(), _agent()
    expected = _fit(whole, 4, None).history
    sync = os.fsync

    class FullDisk(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            if epoch == 2:
                monkeypatch.setattr(os, "fsync", full)

    def full(descriptor):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with pytest.raises(RuntimeError, match="No space left on device") as error:
        _fit(agent, 4, tmp_path, FullDisk())
    assert "The previous checkpoint, epoch-000002, is complete. Free" in str(
        error.value
    )
    monkeypatch.setattr(os, "fsync", sync)
    assert _names(tmp_path) == ["epoch-000001", "epoch-000002"]
    again = _agent()
    history = _fit(again, 4, tmp_path, resume_from=tmp_path).history
    assert history == expected
    assert_equal(_state(again), _state(whole))


# Signals


class Signal(keras.callbacks.Callback):
    """Sends this process signals in the middle of the second epoch."""

    def __init__(self, *signals):
        super().__init__()
        self._signals = signals

    def on_train_batch_end(self, batch, logs=None):
        if int(self.model.iteration) == 2:
            for signum in self._signals:
                signal.raise_signal(signum)


@pytest.fixture
def signals_raise():
    with processes.signals_raise():
        yield


@pytest.mark.usefixtures("signals_raise")
@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
def test_signal_lets_the_epoch_end_and_a_checkpoint_be_written(
    signum, tmp_path
):
    whole, agent = _agent(), _agent()
    expected = _fit(whole, 3, None).history
    before = signal.getsignal(signum)
    checkpoint = Checkpoint(tmp_path, every=100)
    with pytest.raises(TrainingInterrupted) as error:
        _fit(agent, 3, None, checkpoint, Signal(signum))
    assert signal.getsignal(signum) == before
    name = signal.Signals(signum).name
    assert f"interrupted by {name}" in str(error.value)
    assert f"resume_from={str(tmp_path)!r}" in str(error.value)
    assert _names(tmp_path) == ["epoch-000002"]
    again = _agent()
    history = _fit(again, 3, None, resume_from=tmp_path).history
    assert history == expected
    assert_equal(_state(again), _state(whole))


@pytest.mark.usefixtures("signals_raise")
def test_second_signal_ends_at_once(tmp_path):
    agent = _agent()
    with pytest.raises(KeyboardInterrupt) as error:
        _fit(agent, 3, tmp_path, Signal(signal.SIGINT, signal.SIGINT))
    assert not isinstance(error.value, TrainingInterrupted)
    assert _names(tmp_path) == ["epoch-000001"]


# Refusals


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"seed": 4}, "seed=4, not 3"),
        ({"elite_quantile": 0.5}, "elite_quantile=0.5, not 0.8"),
        ({"network": {"dropout": 0.4}}, "policy="),
    ],
)
def test_another_agent_is_refused(changed, message, whole):
    directory = whole[3] / "checkpoints"
    agent = _agent(**{**OPTIONS, **changed})
    with pytest.raises(ValueError, match="must hold checkpoints of") as error:
        _fit(agent, EPOCHS, None, resume_from=directory)
    assert message in str(error.value)
    assert "keras.saving.load_model(" in str(error.value)
    assert int(agent.iteration) == 0


def test_another_optimizer_is_refused(whole):
    agent = _agent(**OPTIONS)
    agent.compile("sgd", run_eagerly=True)
    with pytest.raises(ValueError, match="an agent with optimizer="):
        _fit(agent, EPOCHS, None, resume_from=whole[3] / "checkpoints")


def test_folder_without_checkpoints_is_refused(tmp_path):
    agent = _agent()
    with pytest.raises(ValueError, match="`resume_from` must be a folder") as e:
        _fit(agent, 1, None, resume_from=tmp_path)
    assert f"Received: resume_from={str(tmp_path)!r}" in str(e.value)
    with pytest.raises(ValueError, match="`resume_from` must be a folder"):
        _fit(agent, 1, tmp_path / "other", resume_from=tmp_path)


def test_folder_without_checkpoints_is_a_beginning_if_some_go_there(tmp_path):
    history = _fit(_agent(), 1, tmp_path, resume_from=str(tmp_path))
    assert history.epoch == [0]
    assert _names(tmp_path) == ["epoch-000001"]


def test_checkpoints_of_another_training_are_not_mixed_with(tmp_path):
    _fit(_agent(), 1, tmp_path)
    agent = _agent()
    with pytest.raises(ValueError, match="`directory` must not hold") as error:
        _fit(agent, 1, tmp_path)
    assert f"Received: directory={str(tmp_path)!r}" in str(error.value)
    assert int(agent.iteration) == 0


def test_initial_epoch_is_refused_beside_resume_from(tmp_path):
    with pytest.raises(
        ValueError, match="`initial_epoch` must not be given"
    ) as e:
        _fit(_agent(), 3, tmp_path, resume_from=tmp_path, initial_epoch=1)
    assert "Received: initial_epoch=1" in str(e.value)


def test_arrays_are_refused(tmp_path):
    agent = _agent()
    x, y = np.zeros((4, 2), "float32"), np.zeros(4, int)
    with pytest.raises(ValueError, match="`resume_from` is for an environment"):
        agent.fit(x, y, resume_from=tmp_path, verbose=0)
    with pytest.raises(RuntimeError, match="`Checkpoint` must be used with"):
        agent.fit(x, y, callbacks=[Checkpoint(tmp_path)], verbose=0)


@pytest.mark.parametrize("argument", ["every", "keep"])
def test_numbers_below_1_are_refused(argument, tmp_path):
    with pytest.raises(ValueError, match=f"`{argument}` must be an integer"):
        Checkpoint(tmp_path, **{argument: 0})


def test_state_that_cannot_be_written_is_refused(tmp_path):
    counting = Counting()
    counting.get_state = lambda: {"count": {1, 2}}
    with pytest.raises(TypeError, match="must consist of JSON values") as error:
        _fit(_agent(), 1, tmp_path, counting)
    assert "Received: {1, 2} of type set" in str(error.value)
    assert _names(tmp_path) == []


def test_state_is_read_by_people_and_other_programs(whole):
    path = whole[3] / "checkpoints" / f"epoch-{EPOCHS:06d}" / "state.json"
    state = json.loads(path.read_text())
    assert state["epochs"] == EPOCHS
    assert state["history"]["logs"] == whole[2]
    assert [s["class"] for s in state["callbacks"]] == [
        "EarlyStopping",
        "ModelCheckpoint",
        "ReduceLROnPlateau",
        "Counting",
        "CSVLogger",
    ]
