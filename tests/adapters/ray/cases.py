"""What `workers_test` runs in a network of its own: Ray with two workers."""

import functools
import os
import pathlib
import re
import threading

import gymnasium
import keras
import numpy as np
import pytest
import ray

import keras_cem as cem
from keras_cem.adapters.ray import session, workers
from keras_cem.adapters.ray.work import Versions
from keras_cem.engines.remote.opening import open_remote
from keras_cem.engines.remote.source import RemoteSource
from tests import toy_envs
from tests.helpers import assert_equal

ROOT = pathlib.Path(__file__).parents[3]
ENV = "CartPole-v1"
PLAYING = {"engine": "host", "num_envs": 2, "max_episode_steps": 20}


@pytest.fixture(scope="session", autouse=True)
def cluster():
    """One Ray for all cases, as on a machine that others use too."""
    # Before it starts: as `Workers` does where it starts Ray.
    os.environ.setdefault("RAY_worker_niceness", "0")
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    ray.init(
        address="local",
        num_cpus=4,
        include_dashboard=False,
        object_store_memory=100 * 2**20,
        log_to_driver=False,
        logging_level="ERROR",
    )
    # A busy machine may take its time.
    session.START_NOTICE = session.START_TIMEOUT
    yield
    ray.shutdown()


@pytest.fixture(scope="session")
def pair(cluster):
    with cem.adapters.ray.Workers(2, episodes_per_chunk=4) as two:
        yield two
    assert ray.is_initialized()


def _agent(**options):
    agent = cem.CEMAgent.from_env(ENV, hidden_units=(4,), seed=3, **options)
    # The graph with XLA is slow to compile; it agrees as well.
    agent.compile(keras.optimizers.Adam(1e-2), jit_compile=False)
    return agent


def _fit(pool=None, callbacks=(), env=ENV, **playing):
    agent = _agent()
    history = agent.fit(
        env,
        batch_size=12,
        epochs=4,
        verbose=0,
        validation_data=env,
        validation_batch_size=6,
        workers=pool,
        callbacks=[cem.callbacks.EpsilonDecay(), *callbacks],
        **{**PLAYING, **playing},
    ).history
    variables = [*agent.variables, *agent.optimizer.variables]
    return [np.array(variable) for variable in variables], history


@functools.cache
def _alone(**playing):
    return _fit(**playing)


def _check(result, **playing):
    state, history = result
    expected, shown = _alone(**playing)
    assert_equal(state, expected)
    for name, values in shown.items():
        assert history[name] == values, name


def test_two_workers_change_nothing(pair):
    result = _fit(pair)
    _check(result)
    assert result[1]["workers"][-1] == 2


class Kill(keras.callbacks.Callback):
    """Ends a worker while it plays the second iteration."""

    def __init__(self, pool, seconds):
        super().__init__()
        self._pool = pool
        self._seconds = seconds

    def on_epoch_begin(self, epoch, logs=None):
        if epoch == 1:
            threading.Timer(self._seconds, self._kill).start()

    def _kill(self):
        ray.kill(next(iter(self._pool.actors.values())))


def test_worker_that_ends_while_it_plays_changes_nothing(pair):
    result = _fit(pair, [Kill(pair, 0.05)])
    _check(result)
    assert len(pair.actors) == 2


def test_worker_that_ends_before_its_elites_are_fetched_changes_nothing(
    pair, monkeypatch
):
    fetch = RemoteSource.fetch
    killed = []

    def kill_and_fetch(self, outcome, rows, **options):
        if not killed and len(outcome.returns) == 12:
            killed.append(outcome.holders[rows[0] // 4])
            ray.kill(pair.actors[killed[0]])
        return fetch(self, outcome, rows, **options)

    monkeypatch.setattr(RemoteSource, "fetch", kill_and_fetch)
    result = _fit(pair)
    _check(result)
    assert killed
    assert result[1]["chunks_replayed"][-1] >= 1


def test_workers_play_in_the_graph(pair):
    playing = {"engine": "graph"}
    result = _fit(pair, **playing)
    _check(result, **playing)


def test_evaluation_and_collected_episodes_are_the_same(pair):
    agent = _agent()
    evaluated = [
        agent.evaluate(ENV, batch_size=6, verbose=0, workers=pool, **PLAYING)
        for pool in (None, pair)
    ]
    assert evaluated[0] == evaluated[1]
    alone, together = (
        agent.collect(ENV, 6, epsilon=0.5, workers=pool, **PLAYING)
        for pool in (None, pair)
    )
    np.testing.assert_array_equal(together.rewards, alone.rewards)
    np.testing.assert_array_equal(
        together.actions[alone.mask], alone.actions[alone.mask]
    )


def test_code_of_the_page_runs(pair):
    """With these two workers, and fewer and shorter episodes."""
    page = (ROOT / "docs" / "workers.md").read_text()
    blocks = re.findall(
        r"^```python\n(.*?)^```$", page, re.DOTALL | re.MULTILINE
    )
    assert len(blocks) == 3
    code = "\n".join(blocks).replace('"Hopper-v5"', repr(ENV))
    code = re.sub(r"cem\.adapters\.ray\.Workers\([^)]*\)", "pair", code)
    code = code.replace("workers=8", "workers=pair")
    code = re.sub(r"batch_size=\d+", "batch_size=8", code)
    names = {"pair": pair}
    exec(code, names)  # noqa: S102
    assert int(names["agent"].iteration) == 3


def test_number_of_workers_starts_and_ends_them():
    """On the Ray that is there, which goes on."""
    result = _agent().evaluate(
        ENV, batch_size=4, verbose=0, workers=1, **PLAYING
    )
    expected = _agent().evaluate(ENV, batch_size=4, verbose=0, **PLAYING)
    assert result == expected
    assert ray.is_initialized()


def test_callable_of_the_main_script_is_sent_and_a_lock_is_not(pair):
    lock = threading.Lock()
    with pytest.raises(TypeError, match=r"pickling it.*cannot pickle"):
        _fit(pair, env=lambda: lock and gymnasium.make(ENV))


def test_error_in_a_worker_is_that_of_the_environment(pair):
    env = functools.partial(toy_envs.Spoilt, "reward", np.inf)
    agent = cem.CEMAgent.from_env(env, hidden_units=(), seed=0)
    agent.compile("sgd")
    messages = []
    for pool in (None, pair):
        with pytest.raises(RuntimeError, match="reward is inf") as caught:
            agent.fit(env, batch_size=12, verbose=0, workers=pool, **PLAYING)
        messages.append(str(caught.value))
    assert messages[0] == messages[1]


def test_worker_with_other_bits_is_refused_or_warned_about(monkeypatch):
    monkeypatch.setattr(workers, "open_remote", _with_other_fingerprint)
    agent = _agent()
    playing = {"batch_size": 4, "verbose": 0, **PLAYING}
    with cem.adapters.ray.Workers(1) as strict:
        with pytest.raises(RuntimeError, match="computes other bits"):
            agent.evaluate(ENV, workers=strict, **playing)
        strict._strict = False
        with pytest.warns(RuntimeWarning, match="computes other bits"):
            agent.evaluate(ENV, workers=strict, **playing)
        here = Versions.here()._replace(tensorflow="2.0.0")
        monkeypatch.setattr(session.Versions, "here", lambda: here)
        with pytest.raises(RuntimeError, match=r"tensorflow 2\.0\.0.*Received"):
            agent.evaluate(ENV, workers=strict, **playing)


def _with_other_fingerprint(env, options, size, connect):
    return open_remote(
        env,
        options,
        size,
        lambda given: connect(given._replace(fingerprint="other")),
    )


def test_more_gpus_than_there_are_are_refused():
    with pytest.raises(ValueError, match="num_gpus=1, num_workers=2"):
        cem.adapters.ray.Workers(2, num_gpus=1).start()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"num_workers": 0}, "num_workers=0"),
        ({"num_workers": 1, "episodes_per_chunk": 0}, "episodes_per_chunk=0"),
        ({"num_workers": 1, "num_gpus": -1}, "num_gpus=-1"),
    ],
)
def test_bad_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        cem.adapters.ray.Workers(**arguments)
