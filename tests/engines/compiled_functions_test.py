"""A compiled function is used for what it was compiled for alone."""

import sys

import gymnasium
import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_cem as cem
from keras_cem import envs
from keras_cem.utils.recent import Recent
from tests.envs.content_test import Holding

pytestmark = pytest.mark.slow


class Paying(Holding):
    """Each of five steps pays what it holds."""

    def transition(self, state, actions, seeds):
        return state, 0 * state.x + self.held, state.x > 9


def make_agent(env, **kwargs):
    agent = cem.CEMAgent.from_env(env, hidden_units=(), seed=0)
    agent.compile("sgd", **{"jit_compile": False, **kwargs})
    return agent


def table(reward):
    return envs.Tabular(
        [[[(1.0, 0, reward, False)]]], [1.0], max_episode_steps=10
    )


def test_step_is_not_reused_for_another_environment():
    first, second = table(1.0), table(-100.0)
    agent = make_agent(first)
    for env, expected in ((first, 10), (second, -1000)):
        assert agent.evaluate(env, batch_size=3, verbose=0)[0] == expected
        assert agent.collect(env, 2).returns.tolist() == [expected] * 2
        history = agent.fit(
            env,
            batch_size=2,
            validation_data=env,
            # As evaluated: compiled once.
            validation_batch_size=3,
            verbose=0,
        ).history
        assert history["episode_return"] == [expected]
        assert history["val_episode_return"] == [expected]


@pytest.mark.parametrize("kind", [float, tf.constant])
def test_test_step_is_not_reused_for_another_number(kind):
    agent = make_agent(Paying(kind(1.0)))
    for number, expected in ((1.0, 5), (-7.0, -35)):
        env = Paying(kind(number))
        assert agent.evaluate(env, batch_size=3, verbose=0)[0] == expected


def test_step_is_made_anew_for_an_environment_that_was_changed():
    env = Paying(1.0)
    agent = make_agent(env)
    assert agent.evaluate(env, batch_size=2, verbose=0)[0] == 5
    env.held = 3.0
    assert agent.evaluate(env, batch_size=2, verbose=0)[0] == 15
    assert agent.collect(env, 1).returns.tolist() == [15]


WORTH = 1.0


class Reading(Holding):
    """Each of five steps pays what its code reads."""

    bonus = 0.0
    traced = 0

    def transition(self, state, actions, seeds):
        type(self).traced += 1
        rewards = 0 * state.x + self.held() + self.bonus + WORTH
        return state, rewards, state.x > 9


def test_step_is_made_anew_for_what_the_code_of_an_environment_reads(
    monkeypatch,
):
    worth = 0.0
    env = Reading(lambda: worth)
    agent = make_agent(env)

    def play():
        evaluated = agent.evaluate(env, batch_size=2, verbose=0)[0]
        assert agent.collect(env, 1).returns.tolist() == [evaluated]
        return evaluated

    assert play() == 5
    monkeypatch.setattr(Reading, "bonus", 1.0)
    assert play() == 10
    monkeypatch.setattr(sys.modules[__name__], "WORTH", 3.0)
    assert play() == 20
    worth = 2.0
    assert play() == 30
    # A count that changes with each trace makes nothing anew.
    assert play() == 30
    assert Reading.traced > 0
    assert len(agent.test_function.functions) == 4


def test_variable_of_an_environment_is_read_in_each_step():
    variable = tf.Variable(1.0)
    agent = make_agent(Paying(variable))
    assert agent.evaluate(Paying(variable), batch_size=2, verbose=0)[0] == 5
    variable.assign(2.0)
    assert agent.evaluate(Paying(variable), batch_size=2, verbose=0)[0] == 10
    assert len(agent.test_function.functions) == 1


def test_step_is_reused_for_the_same_environment_made_anew():
    agent = make_agent(table(1.0))
    for _ in range(3):
        agent.fit(table(1.0), batch_size=2, verbose=0)
        agent.evaluate(table(1.0), batch_size=2, verbose=0)
        agent.collect(table(1.0), 2)
    assert len(agent.train_function.functions) == 1
    assert len(agent.test_function.functions) == 1
    assert len(agent._player.in_graph._functions) == 1


def test_functions_that_were_not_used_for_longest_are_dropped():
    recent, made = Recent(2), []

    def get(key):
        return recent.get(key, lambda: made.append(key) or key)

    assert [get(key) for key in "abacab"] == list("abacab")
    # "b" was dropped for "c", "c" for "b"; "a" was used in between.
    assert made == ["a", "b", "c", "b"]
    assert len(recent) == 2
    assert Recent()._size == 16


def cartpole():
    return gymnasium.make("CartPole-v1")


@pytest.mark.parametrize("engine", ["host", "graph"])
def test_compile_drops_what_plays(engine):
    agent = make_agent("CartPole-v1")
    playing = {"engine": engine, "max_episode_steps": 5}
    last = agent.policy.layers[-1]

    def use():
        agent.fit("CartPole-v1", batch_size=2, verbose=0, **playing)
        agent.collect("CartPole-v1", 4, **playing)
        agent.act(np.zeros(4, np.float32))
        agent.evaluate("CartPole-v1", batch_size=2, verbose=0, **playing)

    use()
    last.enable_lora(1)
    agent.compile("sgd", jit_compile=False)
    use()
    last.lora_kernel_a.assign(np.ones(last.lora_kernel_a.shape))
    for action, sign in enumerate((100.0, -100.0)):
        last.lora_kernel_b.assign([[sign, -sign]])
        played = agent.collect("CartPole-v1", 4, **playing)
        x = played.observations[:, 0]
        said = agent.predict(x, verbose=0).argmax(-1)
        np.testing.assert_array_equal(said, played.actions[:, 0])
        assert agent.act(x[0]) == said[0]
        # A kernel of rank 1 decides by the sum of an observation.
        assert said[0] == (action if x[0].sum() > 0 else 1 - action)


def test_compile_drops_what_plays_after_normalization_was_adapted():
    env = cartpole()
    norm = keras.layers.Normalization()
    norm.adapt(np.random.default_rng(0).normal(size=(9, 4)))
    layers = [keras.Input((4,)), norm, keras.layers.Dense(2)]
    agent = cem.CEMAgent(
        keras.Sequential(layers),
        env.action_space,
        observation_space=env.observation_space,
        seed=0,
    )
    agent.compile("sgd")
    agent.evaluate(env, batch_size=4, verbose=0)
    offset = [30, -30, 20, 9]
    norm.adapt(np.random.default_rng(1).normal(size=(9, 4)) * 0.1 + offset)
    agent.compile("sgd")
    played = agent.collect(env, 4)
    said = np.asarray(agent.policy(played.observations[played.mask]))
    np.testing.assert_array_equal(said.argmax(-1), played.actions[played.mask])


def test_compile_drops_the_loss_of_an_earlier_call():
    agent = make_agent("Pendulum-v1", loss="mae", loss_weights=0.5)
    agent.compile("sgd")
    assert agent.loss is None
    assert agent.loss_weight == 1.0
    x, y = np.zeros((2, 3), np.float32), np.full((2, 1), 2.0, np.float32)
    outputs = agent.predict(x, verbose=0)
    # The head's: the square in half-widths of the box, which are 2.
    assert agent.evaluate(x, y, verbose=0) == pytest.approx(
        np.mean((outputs / 2 - y / 2) ** 2), rel=1e-5
    )


def test_exploring_acts_go_on_after_compile():
    def acts(compiled_again):
        agent = make_agent("Pendulum-v1")
        observation = np.zeros(3, np.float32)
        first = agent.act(observation, epsilon=0.5)
        if compiled_again:
            agent.compile("sgd")
        return [first, agent.act(observation, epsilon=0.5)]

    first, second = acts(True)
    assert first != second
    np.testing.assert_array_equal(acts(False), [first, second])
