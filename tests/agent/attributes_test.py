"""What of an agent can be assigned once it is made."""

import keras
import numpy as np
import pytest

import keras_cem as cem
from tests.helpers import BOX, DISCRETE, make_agent


def test_epsilon_is_assigned_to_the_weight():
    agent = make_agent(DISCRETE)
    weight = agent.epsilon
    agent.epsilon = 0.25
    assert agent.epsilon is weight
    assert float(agent.epsilon) == 0.25


def test_epsilon_of_a_box_is_bounded_by_0_only():
    agent = make_agent(BOX)
    agent.epsilon = 2.0
    assert float(agent.epsilon) == 2.0
    with pytest.raises(ValueError, match=r"at least 0.*epsilon=-1"):
        agent.epsilon = -1
    assert float(agent.epsilon) == 2.0


def test_options_do_not_change_and_the_cure_of_the_message_works():
    agent = make_agent(DISCRETE, elite_quantile=0.5)
    with pytest.raises(AttributeError, match=r"CEMAgent\.from_config") as error:
        agent.elite_quantile = 0.75
    assert "must keep its value 0.5," in str(error.value)
    assert agent.elite_quantile == 0.5
    other = cem.CEMAgent.from_config(
        {**agent.get_config(), "elite_quantile": 0.75}
    )
    other.set_weights(agent.get_weights())
    assert other.elite_quantile == 0.75
    x = np.eye(3, dtype=np.float32)
    np.testing.assert_array_equal(other(x), agent(x))


def test_other_attributes_can_be_assigned():
    agent = make_agent(DISCRETE)
    agent.note = "mine"
    agent.note = "other"
    assert agent.note == "other"


def test_a_schedule_that_fails_leaves_epsilon_as_it_was():
    agent = cem.CEMAgent.from_env("CartPole-v1", hidden_units=(2,), seed=0)
    agent.compile(keras.optimizers.SGD(), run_eagerly=True)
    with pytest.raises(ValueError, match=r"\[0, 1\].*epsilon=3.0"):
        agent.fit(
            "CartPole-v1",
            batch_size=2,
            engine="host",
            max_episode_steps=2,
            callbacks=[cem.callbacks.EpsilonDecay(lambda done: 3.0)],
            verbose=0,
        )
    assert float(agent.epsilon) == pytest.approx(0.1)


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["host", "graph"])
def test_epsilon_of_the_agent_can_be_given_to_collect(engine):
    agent = cem.CEMAgent.from_env("CartPole-v1", hidden_units=(2,), seed=0)
    agent.epsilon = 1.0
    given = {"batch_size": 2, "engine": engine, "max_episode_steps": 4}
    np.testing.assert_array_equal(
        agent.collect("CartPole-v1", epsilon=agent.epsilon, **given).actions,
        agent.collect("CartPole-v1", epsilon=1.0, **given).actions,
    )


def test_epsilon_of_the_agent_can_be_given_to_act():
    agent = make_agent(DISCRETE)
    assert agent.act([0, 0, 0], epsilon=agent.epsilon) in range(2, 6)
