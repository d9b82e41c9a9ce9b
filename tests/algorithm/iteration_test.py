"""What an iteration ranks by."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_cem as cem
from keras_cem import prng
from keras_cem.algorithm import iteration, learning, ranking
from keras_cem.algorithm.learner import Elites
from keras_cem.engines.graph.source import GraphSource
from tests.helpers import (
    COMPILED,
    DISCRETE,
    EAGER,
    TRACED,
    assert_equal,
    improve,
    learned_state,
    make_agent,
)

DISCOUNT = 0.5


def _batch():
    """Returns 4, 5, 3, 2 and 1; discounted by half 0.5, 1.25, 3, 2 and 1."""
    rewards = [[0, 0, 0, 4], [0, 0, 5, 0], [3, 0], [2], [1]]
    mask = np.array([[t < len(row) for t in range(4)] for row in rewards])
    padded = np.full((5, 4), np.nan, np.float32)
    padded[mask] = np.concatenate(rewards)
    return cem.Trajectories(
        observations=np.ones((5, 4, 3), np.float32),
        # Each trajectory has an action of its own, of 2 to 5.
        actions=np.repeat([[2], [3], [4], [5], [2]], 4, axis=1),
        rewards=padded,
        mask=mask,
        terminated=np.ones(5, bool),
    )


@pytest.mark.parametrize(
    "mode",
    [EAGER, TRACED, pytest.param(COMPILED, marks=pytest.mark.slow)],
    ids=["eager", "traced", "compiled"],
)
def test_discounted_returns_are_what_is_ranked(mode):
    agent = make_agent(
        DISCRETE, mode=mode, elite_quantile=0.75, discount=DISCOUNT
    )
    batch = _batch()
    logs = improve(agent, batch)
    ranked = [0.5, 1.25, 3.0, 2.0, 1.0]
    assert logs["elite_threshold"] == np.quantile(ranked, 0.75)
    assert logs["num_elites"] == 1
    # Undiscounted, of the plain sums.
    assert logs["episode_return"] == np.mean([4, 5, 3, 2, 1])
    assert logs["episode_return_max"] == 5
    # The third trajectory is imitated, whose action is 4.
    assert agent.act(np.ones(3, np.float32)) == 4


def test_elites_are_chosen_by_returns_alone_before_learning():
    """As where the steps of others than elites never arrive."""
    options = {"elite_quantile": 0.75, "discount": DISCOUNT, "elite_memory": 2}
    whole, apart = (
        make_agent(DISCRETE, **options),
        make_agent(DISCRETE, **options),
    )
    for agent in (whole, apart):
        agent.memory.prepare(agent.observation_space, agent.action_space, 4)
    batch = _batch()
    logs = improve(whole, batch)
    returns = tf.constant([0.5, 1.25, 3.0, 2.0, 1.0])
    chosen = iteration.select(
        apart, apart.memory.ranked(returns, apart.iteration.value)
    )
    assert float(chosen.gamma_q) == logs["elite_threshold"]
    assert chosen.mask.numpy().tolist() == [False, False, True] + [False] * 4
    steps = tf.nest.map_structure(tf.convert_to_tensor, batch)
    ranked = ranking.rank(apart, steps)
    np.testing.assert_array_equal(ranked.new, returns)
    selected = Elites.of(ranked.candidates, chosen)
    learning.imitate_elites(apart, steps, ranked, selected)
    assert_equal(learned_state(apart), learned_state(whole))


@pytest.mark.parametrize("discount", [1.0, 0.9])
def test_loop_of_the_graph_adds_up_discounted_rewards(discount):
    agent = cem.CEMAgent.from_env("Pendulum-v1", hidden_units=(4,), seed=0)
    agent.compile(keras.optimizers.SGD(0.1))
    played = GraphSource(cem.envs.make("Pendulum-v1"), 5, 7).play(
        agent.policy,
        agent.head,
        numbers=(0, prng.TRAINING_RESETS, 0),
        epsilon=tf.constant(0.5),
        discount=tf.constant(discount, tf.float64),
        store_rewards=True,
    )
    rewards = played.rewards.numpy().astype(np.float64)
    weights = discount ** np.arange(7)
    np.testing.assert_allclose(played.discounted, weights @ rewards, rtol=1e-5)
    np.testing.assert_allclose(played.returns, rewards.sum(axis=0), rtol=1e-5)
