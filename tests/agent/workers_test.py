"""`fit`, `evaluate` and `collect` with workers, against none, in every bit.

The workers are in this process. `tests/adapters/ray_test.py` has those of Ray.
"""

import functools
import pathlib
import shutil
from typing import NamedTuple

import gymnasium
import keras
import numpy as np
import pytest

import keras_cem as cem
from keras_cem.algorithm import iteration
from keras_cem.engines.remote.source import RemoteSource
from tests import toy_envs
from tests.helpers import assert_equal
from tests.local_workers import LocalWorkers

pytestmark = pytest.mark.slow

SIZE, CHUNK = 12, 4
HOST = {"engine": "host", "num_envs": 2, "max_episode_steps": 20, "verbose": 0}


def _agent(env, jit_compile=False, **options):
    agent = cem.CEMAgent.from_env(env, hidden_units=(4,), seed=3, **options)
    agent.compile(keras.optimizers.Adam(1e-2), jit_compile=jit_compile)
    return agent


def _state(agent):
    variables = [*agent.variables, *agent.optimizer.variables]
    if agent.critic is not None:
        variables += agent.critic_optimizer.variables
    return [np.array(variable) for variable in variables]


def _fit(
    env,
    workers=None,
    epochs=3,
    engine="host",
    callbacks=(),
    resume_from=None,
    **options,
):
    agent = _agent(env, **options)
    history = agent.fit(
        env,
        batch_size=SIZE,
        epochs=epochs,
        workers=workers,
        callbacks=[cem.callbacks.EpsilonDecay(), *callbacks],
        resume_from=resume_from,
        **{**HOST, "engine": engine},
    ).history
    return agent, history


class Alone(NamedTuple):
    """A training of three epochs without workers.

    Attributes:
        states: What was learned after each epoch.
        history: As of `fit`.
        folder: Checkpoints of it, as they were after its first epoch.
    """

    states: list
    history: dict
    folder: pathlib.Path


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    states, folder = [], tmp_path_factory.mktemp("alone")
    saved, first = folder / "saved", folder / "first"

    class Keep(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 1:
                shutil.copytree(saved, first)

        def on_epoch_end(self, epoch, logs=None):
            states.append(_state(self.model))

    callbacks = [cem.callbacks.Checkpoint(saved, 1), Keep()]
    _, history = _fit("CartPole-v1", callbacks=callbacks)
    return Alone(states, history, first)


MEMORY = ("CartPole-v1", {"discount": 0.9, "elite_memory": 5})
BOX = (
    "Pendulum-v1",
    {
        "normalize_observations": True,
        "noise": "correlated",
        "episodes_per_start": 2,
        "gradient_epochs": 2,
    },
)
STEPS = (
    "CartPole-v1",
    {"elite_unit": "step", "normalize_observations": True},
)


# Memory is kept by this process, whichever engine plays.
@pytest.mark.parametrize(
    ("engine", "env", "options"),
    [
        pytest.param("host", *MEMORY, id="host-memory"),
        pytest.param("host", *BOX, id="host-box-groups"),
        pytest.param("host", *STEPS, id="host-steps"),
        pytest.param("graph", *BOX, id="graph-box-groups"),
        pytest.param("graph", *STEPS, id="graph-steps"),
    ],
)
def test_workers_change_nothing(engine, env, options):
    """Whoever is lost."""
    options = {**options, "engine": engine}
    agent, history = _fit(env, **options)
    # A chunk, and elites that were reported: 3 chunks, then who has elites.
    workers = LocalWorkers(2, CHUNK, lost=(2, 9))
    other, shown = _fit(env, workers, **options)
    assert_equal(_state(other), _state(agent))
    replayed, present = shown.pop("chunks_replayed"), shown.pop("workers")
    assert shown == history
    assert replayed[-1] > 0
    assert present == [2, 2, 2]
    assert all(session.closed for session in workers.sessions)


def test_evaluations_and_collected_episodes_are_the_same():
    agent = _agent("CartPole-v1")
    workers = LocalWorkers(2, CHUNK)
    playing = {**HOST, "batch_size": 6}
    evaluated = [
        agent.evaluate("CartPole-v1", steps=2, workers=each, **playing)
        for each in (None, workers)
    ]
    assert evaluated[0] == evaluated[1]
    # Reports only.
    assert workers.source.traffic.step_bytes == 0
    playing.pop("verbose")
    alone, together = (
        agent.collect("CartPole-v1", epsilon=0.3, workers=each, **playing)
        for each in (None, workers)
    )
    for name, leaf in alone._asdict().items():
        other = getattr(together, name)
        rows = alone.mask if name in ("observations", "actions") else ...
        np.testing.assert_array_equal(other[rows], leaf[rows], err_msg=name)


def test_only_elites_travel_and_the_step_is_traced_twice_at_most(monkeypatch):
    traced = []
    imitate_elites = iteration.imitate_elites

    def counted(*arguments):
        traced.append(arguments)
        return imitate_elites(*arguments)

    monkeypatch.setattr(iteration, "imitate_elites", counted)
    workers = LocalWorkers(1, CHUNK)
    bytes_of_elites = []

    class Elites(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            returns = self.model.graph_execution.latest_returns.numpy()
            # A step of CartPole has a reward of 1, 16 bytes of observations
            # and 8 of its action.
            elite = self.model.graph_execution.latest_elites.numpy()
            bytes_of_elites.append(24 * returns[elite].sum())

    agent = _agent("CartPole-v1")
    agent.fit(
        "CartPole-v1",
        batch_size=SIZE,
        epochs=4,
        workers=workers,
        callbacks=[Elites()],
        **HOST,
    )
    assert len(traced) <= 2
    traffic = workers.source.traffic
    assert traffic.step_bytes == sum(bytes_of_elites) > 0
    assert traffic.report_bytes <= 16 * SIZE * 4


def test_workers_that_gave_up_play_again_what_is_fetched(alone, monkeypatch):
    """As those do to which a late chunk was given in vain."""
    workers = LocalWorkers(2, CHUNK)
    fetch = RemoteSource.fetch

    def forget_and_fetch(self, outcome, rows, **options):
        workers.sessions[0].forget()
        return fetch(self, outcome, rows, **options)

    monkeypatch.setattr(RemoteSource, "fetch", forget_and_fetch)
    other, _ = _fit("CartPole-v1", workers, epochs=2)
    assert_equal(_state(other), alone.states[1])


def test_workers_resume_what_none_began(alone):
    other, shown = _fit(
        "CartPole-v1",
        LocalWorkers(1, CHUNK),
        epochs=3,
        callbacks=[cem.callbacks.Checkpoint(alone.folder, 1)],
        resume_from=alone.folder,
    )
    assert_equal(_state(other), alone.states[2])
    assert {name: shown[name] for name in alone.history} == alone.history
    assert shown["workers"] == [1, 1]


def test_nonfinite_trajectories_are_left_out_also_if_a_chunk_has_no_other():
    env = functools.partial(toy_envs.Spoilt, "reward", np.nan)
    options = {"on_nonfinite": "skip"}
    agent, history = _fit(env, epochs=2, **options)
    other, shown = _fit(env, LocalWorkers(1, 1), epochs=2, **options)
    assert_equal(_state(other), _state(agent))
    assert shown["num_nonfinite"] == history["num_nonfinite"]
    assert min(history["num_nonfinite"]) > 0


def test_error_of_an_environment_is_that_without_workers():
    env = functools.partial(toy_envs.Spoilt, "reward", np.inf)
    messages = []
    for workers in (None, LocalWorkers(1, CHUNK)):
        with pytest.raises(RuntimeError, match="reward is inf") as caught:
            _fit(env, workers)
        messages.append(str(caught.value))
    assert messages[0] == messages[1]


@pytest.mark.parametrize(
    ("workers", "message"),
    [
        (0, "workers=0"),
        (-1, "workers=-1"),
        (True, "workers=True"),
        (1.5, "workers=1.5"),
        ("2", "workers='2'"),
    ],
)
def test_number_of_workers_must_be_one(workers, message):
    agent = _agent("CartPole-v1")
    for call in (agent.fit, agent.evaluate, agent.collect):
        with pytest.raises((TypeError, ValueError), match=message):
            call("CartPole-v1", workers=workers)


def test_environment_that_cannot_be_sent_is_refused():
    env = gymnasium.make("CartPole-v1")
    agent = _agent(env)
    with pytest.raises(TypeError, match="id, or a callable"):
        agent.fit(env, workers=LocalWorkers(1), verbose=0)
    vector = toy_envs.ScriptedVectorEnv(
        gymnasium.vector.AutoresetMode.SAME_STEP
    )
    agent = _agent(vector)
    with pytest.raises(ValueError, match="reset with its own seed"):
        agent.fit(
            lambda: vector,
            workers=LocalWorkers(1),
            max_episode_steps=3,
            verbose=0,
        )


def test_chunk_must_hold_whole_groups():
    agent = _agent("CartPole-v1", episodes_per_start=3)
    with pytest.raises(
        ValueError, match=r"episodes_per_chunk=4, episodes_per_start=3"
    ):
        agent.fit(
            "CartPole-v1", batch_size=12, workers=LocalWorkers(1, 4), **HOST
        )


def test_strategy_is_refused_with_workers_as_the_cure():
    agent = _agent("CartPole-v1")
    agent.made_under = "MirroredStrategy"
    with pytest.raises(ValueError, match=r"MirroredStrategy.*`workers`"):
        agent.fit("CartPole-v1")


def test_arrays_take_no_workers():
    agent = _agent("CartPole-v1")
    with pytest.raises(ValueError, match="workers"):
        agent.fit(np.ones((4, 4), np.float32), np.ones(4), workers=2)
