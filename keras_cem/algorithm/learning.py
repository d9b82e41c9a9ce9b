"""What an iteration learns from its elites, and what it keeps and reports."""

import tensorflow as tf

from keras_cem.algorithm import elite_steps, imitation
from keras_cem.algorithm.learner import Elites, Learner, Update
from keras_cem.algorithm.ranking import Ranked
from keras_cem.engines.trajectories import Played
from keras_cem.networks.normalization import NormalizedPolicy


def imitate_elites(
    agent: Learner, trajectories: Played, ranked: Ranked, selected: Elites
) -> Update:
    """Takes the gradient steps, unless a value is not finite.

    It also updates what later iterations need: memory, statistics, counters.
    """
    execution = agent.graph_execution
    may_learn = execution.may_learn(trajectories)
    zero = tf.zeros(())
    if ranked.steps is None:
        critic_loss = explained = zero
        loss, withheld = tf.cond(
            may_learn & (selected.number > 0.0),
            lambda: imitation.imitate(agent, selected),
            lambda: (zero, tf.constant(0)),
        )
    else:
        fault = ranked.steps.fault
        explained = ranked.steps.estimated.explained_variance()
        loss, critic_loss, withheld = tf.cond(
            may_learn & tf.equal(fault, 0),
            lambda: elite_steps.learn(
                agent, trajectories, ranked.steps, selected
            ),
            lambda: (zero, zero, tf.where(may_learn, fault, 0)),
        )
    execution.learned(withheld)
    learned = may_learn & tf.equal(withheld, 0)
    update = Update(loss, critic_loss, explained, withheld, learned)
    _remember(agent, trajectories, ranked, selected, update)
    return update


def report(
    agent: Learner,
    trajectories: Played,
    ranked: Ranked,
    selected: Elites,
    update: Update,
) -> None:
    """Updates the metrics and what callbacks read."""
    elite = selected.mask[: tf.size(ranked.new)]
    if ranked.steps is not None:
        elite = ranked.steps.any_per_trajectory(elite)
    agent.graph_execution.note(trajectories.returns, elite)
    agent.train_metrics.update(agent, trajectories, selected, update)


def _remember(
    agent: Learner,
    trajectories: Played,
    ranked: Ranked,
    selected: Elites,
    update: Update,
) -> None:
    if agent.memory is not None:
        new = selected.mask[: tf.size(ranked.new)]
        agent.memory.update(
            trajectories,
            ranked.new,
            new,
            agent.iteration.value,
            update.learned,
        )
    policy, space = agent.policy, agent.observation_space
    if isinstance(policy, NormalizedPolicy) and space is not None:

        def observe() -> None:
            policy.update(trajectories.moments(space))

        # Only now, so that acting and learning in one iteration use the same
        # statistics.
        tf.cond(update.learned, observe, lambda: None)
    agent.iteration.assign_add(1)
    if trajectories.counts_env_steps:
        agent.env_steps.assign_add(
            tf.reduce_sum(tf.cast(trajectories.lengths, agent.env_steps.dtype))
        )
