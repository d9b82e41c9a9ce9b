import shutil

import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_cem as cem
from keras_cem import envs
from keras_cem.agent import deferred_xla, steps
from keras_cem.engines.graph.source import GraphSource

pytestmark = pytest.mark.slow


def _watch(monkeypatch, compiles_then):
    taken = []
    jit_compile = steps.InGraph.jit_compile

    def watched(self, default):
        compiles = jit_compile(self, default)
        if compiles:
            iteration = int(self._agent.iteration)
            taken.append((iteration, self.source.batch_size))
        return compiles and compiles_then

    monkeypatch.setattr(steps.InGraph, "jit_compile", watched)
    # The policy can be, and is not compiled to find out.
    monkeypatch.setattr(GraphSource, "compilable", lambda self, policy: True)
    return taken


@pytest.fixture
def compiled(monkeypatch):
    """Iterations done when XLA was taken for a step of so many episodes."""
    return _watch(monkeypatch, True)


@pytest.fixture
def would_compile(monkeypatch):
    """The same without XLA, which takes seconds."""
    return _watch(monkeypatch, False)


@pytest.fixture
def eagerly():
    """What is compiled or not is run as it is written."""
    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)


def make_agent(jit_compile="auto"):
    agent = cem.CEMAgent.from_env(
        "CartPole-v1", hidden_units=(4,), elite_quantile=0.5, seed=0
    )
    agent.compile(keras.optimizers.SGD(1e-3), jit_compile=jit_compile)
    return agent


def fit(agent, deferred, **kwargs):
    return agent.fit(
        envs.make("CartPole-v1"),
        batch_size=6,
        max_episode_steps=12,
        verbose=0,
        callbacks=deferred,
        **kwargs,
    )


@pytest.mark.usefixtures("eagerly")
def test_xla_comes_after_the_iterations(would_compile):
    agent = make_agent()
    history = fit(
        agent,
        [deferred_xla.DeferredXLA(iterations=3)],
        steps_per_epoch=2,
        epochs=3,
        validation_data=envs.make("CartPole-v1"),
        validation_batch_size=5,
    )
    # In the second epoch, and the test step at its end.
    assert would_compile == [(3, 6), (4, 5)]
    assert len(history.history["val_episode_return"]) == 3


def test_resumed_equals_uninterrupted_across_the_change(compiled, tmp_path):
    def goes_on(folder):
        agent = make_agent()
        checkpoint = cem.callbacks.Checkpoint(tmp_path / folder, keep=4)
        fit(
            agent,
            [deferred_xla.DeferredXLA(iterations=2), checkpoint],
            epochs=4,
            resume_from=tmp_path / folder,
        )
        return agent.get_weights()

    whole = goes_on("whole")
    first = "epoch-000001"
    shutil.copytree(tmp_path / "whole" / first, tmp_path / "part" / first)
    rest = goes_on("part")
    # Compiled in the third iteration of both, in the second half of one.
    assert compiled == [(2, 6), (2, 6)]
    for ours, theirs in zip(whole, rest, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    # It is the same training as without XLA: to float tolerance.
    without = make_agent(jit_compile=False)
    tf.config.run_functions_eagerly(True)
    try:
        fit(without, [], epochs=4)
    finally:
        tf.config.run_functions_eagerly(False)
    for ours, theirs in zip(whole, without.get_weights(), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-6)


@pytest.mark.usefixtures("eagerly")
def test_training_that_ends_before_never_compiles(compiled):
    agent = make_agent()
    fit(agent, [deferred_xla.DeferredXLA(iterations=3)], epochs=3)
    assert compiled == []


@pytest.mark.parametrize(
    ("jit_compile", "batch_size", "gpu", "deferred"),
    [
        ("auto", 64, False, True),
        ("auto", 64, True, False),
        ("auto", 65, False, False),
        (True, 64, False, False),
    ],
)
def test_small_trainings_on_a_cpu_defer_it(
    monkeypatch, jit_compile, batch_size, gpu, deferred
):
    monkeypatch.setattr(deferred_xla, "has_gpu", lambda: gpu)
    callbacks = []
    deferred_xla.begin(make_agent(jit_compile), batch_size, callbacks)
    assert bool(callbacks) == deferred


@pytest.mark.usefixtures("eagerly")
def test_fit_defers_it(would_compile):
    agent = make_agent()
    # Iterations of the agent's life count.
    agent.iteration.assign(deferred_xla.ITERATIONS - 1)
    fit(agent, [], epochs=2)
    assert would_compile == [(deferred_xla.ITERATIONS, 6)]
    # Of a large batch from the start.
    agent.fit(
        envs.make("CartPole-v1"),
        batch_size=deferred_xla.BATCH_SIZE + 1,
        max_episode_steps=2,
        verbose=0,
    )
    assert len(would_compile) == 2


@pytest.mark.usefixtures("eagerly")
@pytest.mark.parametrize("choice", [True, False])
def test_explicit_choice_stays(compiled, choice):
    agent = make_agent(jit_compile=choice)
    agent.allow_xla(not choice)
    made = []
    make = keras.Model.make_train_function

    def watched(self, force=False):
        made.append(self.jit_compile)
        make(self, force)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(keras.Model, "make_train_function", watched)
        fit(agent, [])
    assert set(made) == {choice}
    assert compiled == []
