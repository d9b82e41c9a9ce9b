"""Learning from the steps of elites alone, against learning from all."""

import numpy as np
import pytest
import tensorflow as tf

from keras_cem.algorithm import iteration
from keras_cem.engines.remote.elite_trajectories import assembled
from keras_cem.engines.summed import summed
from keras_cem.networks import moments
from tests.helpers import (
    BOX,
    DISCRETE,
    EAGER,
    TRACED,
    assert_equal,
    improve,
    learned_state,
    make_agent,
    make_trajectories,
)

STEPS = 6
SIZE = 9


def _elites_of(agent, batch):
    """What arrives of a batch if its elites alone are fetched."""
    played = summed(batch, agent.discount)
    ranked = ranks = played.ranked(agent.discount)
    if agent.memory is not None:
        ranked = agent.memory.ranked(ranks, agent.iteration.value)
    chosen = iteration.select(agent, tf.constant(ranked))
    elite = chosen.mask.numpy()[:SIZE]
    steps = tf.nest.map_structure(
        lambda leaf: leaf[elite][batch.mask[elite]],
        (batch.observations, batch.actions),
    )
    group = moments.of_group(tf.constant(batch.observations), batch.mask)
    groups = [tuple(part[np.newaxis] for part in group)]
    return assembled(
        steps, (played.returns, ranks), batch.lengths, chosen, groups=groups
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("space", "mode", "options"),
    [
        (DISCRETE, TRACED, {"elite_memory": 3, "discount": 0.9}),
        (BOX, EAGER, {"normalize_observations": True}),
        (DISCRETE, EAGER, {"episodes_per_start": 3, "minibatch_size": 4}),
        (BOX, EAGER, {"gradient_epochs": 2, "minibatch_size": 5}),
        (DISCRETE, EAGER, {"loss_normalization": "length"}),
    ],
)
def test_elites_alone_teach_the_same(space, mode, options):
    """In every bit; the memory may take what later is no elite."""
    agents = [
        make_agent(space, mode=mode, elite_quantile=0.6, **options)
        for _ in range(2)
    ]
    for agent in agents:
        if agent.memory is not None:
            agent.memory.prepare(
                agent.observation_space, agent.action_space, STEPS
            )
    whole, apart = agents
    for seed in range(2):
        returns = np.random.default_rng(seed).normal(size=SIZE)
        batch = make_trajectories(space, returns, STEPS, seed)
        logs = improve(whole, summed(batch, whole.discount))
        assert improve(apart, _elites_of(apart, batch)) == logs
        assert logs["num_elites"] > 0
    assert_equal(learned_state(apart), learned_state(whole))
    if whole.memory is not None:
        held, expected = (agent.memory._held() for agent in agents[::-1])
        assert held.keys() == expected.keys()
        real = np.arange(STEPS) < held["lengths"][:, np.newaxis]
        for name, array in held.items():
            of_steps = name.startswith("leaf_")
            rows = real[:, : array.shape[1]] if of_steps else ...
            np.testing.assert_array_equal(array[rows], expected[name][rows])


def test_rows_may_be_padded_and_there_may_be_no_elites():
    agent = make_agent(DISCRETE)
    batch = make_trajectories(DISCRETE, np.ones(SIZE), STEPS)
    chosen = iteration.select(agent, tf.ones(SIZE))
    assert not np.any(chosen.mask)
    steps = (np.zeros((0, 3), np.float32), np.zeros(0, np.int64))
    sums = (np.ones(SIZE, np.float32),) * 2
    played = assembled(steps, sums, batch.lengths, chosen)
    assert int(played.num_steps) == 1
    before = learned_state(agent)
    assert improve(agent, played)["num_elites"] == 0
    assert_equal(learned_state(agent), before)
    padded = assembled(steps, sums, batch.lengths, chosen, num_rows=54)
    assert int(padded.num_steps) == 54
