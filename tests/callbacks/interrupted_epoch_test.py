"""A signal within an epoch: what is done is kept, the rest is played again."""

import signal
import time

import gymnasium
import keras
import pytest

import keras_cem as cem
from keras_cem.callbacks import Checkpoint, EpsilonDecay, TrainingInterrupted
from keras_cem.saving import interrupts
from tests import processes, toy_envs  # noqa: F401, registers ToySeeded-v0
from tests.helpers import assert_equal, learned_state

pytestmark = pytest.mark.slow

ENV = "ToySeeded-v0"
EPOCHS, STEPS = 2, 2


class Raising(gymnasium.Wrapper):
    """Raises a signal in the step of that number, counted over all episodes."""

    steps, at = 0, None

    def step(self, action):
        cls = type(self)
        cls.steps += 1
        if cls.steps == cls.at:
            signal.raise_signal(signal.SIGTERM)
        return super().step(action)


@pytest.fixture(autouse=True)
def _at_once(monkeypatch):
    """Signals raise, and nothing is given time to end by itself."""
    monkeypatch.setattr(interrupts, "GRACE", -1.0)
    monkeypatch.setattr(Raising, "steps", 0)
    monkeypatch.setattr(Raising, "at", None)
    with processes.signals_raise():
        yield


def _make():
    return Raising(gymnasium.make(ENV))


class Judging(keras.callbacks.Callback):
    """Plays at the end of an epoch, between callbacks with a state."""

    def on_epoch_end(self, epoch, logs=None):
        logs["judged"] = float(
            self.model.collect(_make, 3, num_envs=1).returns.mean()
        )


def _agent(env, engine):
    agent = cem.CEMAgent.from_env(
        env,
        hidden_units=(4,),
        network={"dropout": 0.3},
        elite_memory=2,
        normalize_observations=True,
        seed=3,
    )
    agent.compile(
        keras.optimizers.Adam(0.01),
        run_eagerly=engine == "host",
        # checkpoint_test resumes with XLA, which takes seconds to compile.
        jit_compile=False,
    )
    return agent


def _fit(
    folder,
    *,
    resume=False,
    engine="host",
    env=_make,
    steps_per_epoch=STEPS,
    agent=None,
):
    if agent is None:
        agent = _agent(env, engine)
    playing = {"engine": engine}
    if engine == "host":
        playing["num_envs"] = 2
    else:
        playing["max_episode_steps"] = 10
    history = agent.fit(
        env,
        batch_size=4,
        epochs=EPOCHS,
        steps_per_epoch=steps_per_epoch,
        validation_data=env,
        validation_batch_size=3,
        callbacks=[
            EpsilonDecay(),
            keras.callbacks.ReduceLROnPlateau(
                "episode_return", mode="max", patience=1, factor=0.5
            ),
            *([Judging()] if engine == "host" else []),
            cem.callbacks.ReturnsLogger(folder / "returns.json"),
            keras.callbacks.CSVLogger(folder / "history.csv"),
            Checkpoint(folder / "checkpoints", every=100),
        ],
        resume_from=folder / "checkpoints" if resume else None,
        verbose=0,
        **playing,
    )
    state = [*learned_state(agent), int(agent.iteration), int(agent.env_steps)]
    return state, history.history


def _files(folder):
    return [
        (folder / name).read_bytes() for name in ("history.csv", "returns.json")
    ]


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A training that was not interrupted, and how many steps it played."""
    folder = tmp_path_factory.mktemp("whole")
    Raising.steps = 0
    state, history = _fit(folder)
    return state, history, _files(folder), Raising.steps


# From the first step of all to the last validations.
@pytest.mark.parametrize("share", [0.0, 0.35, 0.7, 0.97])
def test_training_goes_on_as_if_what_was_broken_off_had_not_begun(
    share, whole, tmp_path, monkeypatch
):
    state, history, files, steps = whole
    monkeypatch.setattr(Raising, "at", 1 + int(share * steps))
    with pytest.raises(TrainingInterrupted, match="SIGTERM"):
        _fit(tmp_path)
    assert Raising.steps <= Raising.at + 1
    assert not interrupts.pending
    again, history_again = _fit(tmp_path, resume=True)
    assert history_again == history
    assert_equal(again, state)
    assert _files(tmp_path) == files


def test_finished_iterations_are_not_played_again(whole, tmp_path, monkeypatch):
    """Interrupted twice in one run, the second time as it repeats."""
    state, history, _, steps = whole
    played = []
    for at in (steps // 3, 1):
        monkeypatch.setattr(Raising, "steps", 0)
        monkeypatch.setattr(Raising, "at", at)
        with pytest.raises(TrainingInterrupted):
            _fit(tmp_path, resume=True)
        played.append(Raising.steps)
    monkeypatch.setattr(Raising, "steps", 0)
    monkeypatch.setattr(Raising, "at", None)
    again, history_again = _fit(tmp_path, resume=True)
    assert history_again == history
    assert_equal(again, state)
    assert Raising.steps < steps
    # An iteration at most is lost each time, or a validation.
    assert sum(played) + Raising.steps < steps * 1.5


@pytest.fixture(scope="module")
def whole_in_graph(tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole")
    return _fit(folder, engine="graph", env="CartPole-v1")


@pytest.mark.parametrize("at", [2, 4])
def test_compiled_steps_are_interrupted_between_two_of_them(
    at, whole_in_graph, tmp_path, monkeypatch
):
    env = "CartPole-v1"
    (tmp_path / "run").mkdir()
    state, history = whole_in_graph
    # Resumed in the same one, which need not be traced again: what it has
    # learned is taken from it first.
    agent = _agent(env, "graph")
    checked = []

    def check():
        checked.append(None)
        if len(checked) == at:
            signal.raise_signal(signal.SIGINT)
        original()

    original = interrupts.check
    monkeypatch.setattr(interrupts, "check", check)
    with pytest.raises(TrainingInterrupted):
        _fit(tmp_path / "run", engine="graph", env=env, agent=agent)
    monkeypatch.setattr(interrupts, "check", original)
    for variable in agent.trainable_variables:
        variable.assign(variable + 1.0)
    again, history_again = _fit(
        tmp_path / "run", engine="graph", env=env, agent=agent, resume=True
    )
    assert history_again == history
    assert_equal(again, state)


def test_fewer_steps_an_epoch_than_were_done_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(Raising, "at", 30)
    with pytest.raises(TrainingInterrupted):
        _fit(tmp_path, steps_per_epoch=9)
    with pytest.raises(
        ValueError,
        match="`steps_per_epoch` and `steps_per_execution` must not change",
    ) as error:
        _fit(tmp_path, resume=True, steps_per_epoch=1)
    assert "Received: steps_per_epoch=1" in str(error.value)


def test_slow_steps_keep_nobody_waiting(tmp_path, monkeypatch):
    """K=100 episodes of 20 ms a step: a round of them takes seconds."""

    class Slow(Raising):
        def step(self, action):
            time.sleep(0.02)
            return super().step(action)

    monkeypatch.setattr(interrupts, "GRACE", 0.1)
    monkeypatch.setattr(Slow, "at", 5)
    agent = cem.CEMAgent.from_env(ENV, hidden_units=(), seed=3)
    agent.compile("sgd", run_eagerly=True)
    began = time.monotonic()
    with pytest.raises(TrainingInterrupted):
        agent.fit(
            lambda: Slow(gymnasium.make(ENV)),
            batch_size=100,
            engine="host",
            verbose=0,
            callbacks=[Checkpoint(tmp_path)],
        )
    assert time.monotonic() - began < 10.0
    assert Slow.steps < 100
    assert [path.name for path in tmp_path.iterdir()] == ["epoch-000000"]
