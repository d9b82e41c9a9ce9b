"""One iteration of the method: start here after the lecture.

| the lecture | here |
|---|---|
| trajectories tau_1, ..., tau_K of the explored policy pi_n | `play` |
| returns G(tau_k) | `rank` |
| elites, G(tau_k) > gamma_q, the q-quantile of the returns | `choose` |
| gradient steps towards the actions of the elites | `imitate_elites` |
| V_n, the mean of G(tau_k) | `report` |

With a critic, single steps are ranked and selected, see `elite_steps`.
"""

from collections.abc import Callable
from typing import NamedTuple

import tensorflow as tf

from keras_cem.algorithm import critic, elite_steps, elites, imitation
from keras_cem.algorithm.learner import Elites, Learner, Update
from keras_cem.engines.trajectories import Chosen, Played, StoredPairs
from keras_cem.networks.normalization import NormalizedPolicy


class Ranked(NamedTuple):
    """Candidates for elites, and what ranks them.

    Attributes:
        candidates: The K trajectories, and those of a memory after them. With
            elite steps, the steps of the K trajectories.
        returns: float32, the (discounted) return of each candidate, or the
            advantage of each step. It is not finite for a candidate that is
            left out.
        new: float32, the returns of the K trajectories alone, or the
            advantages of their steps.
        steps: The candidates, if they are steps, else None.
    """

    candidates: StoredPairs
    returns: tf.Tensor
    new: tf.Tensor
    steps: elite_steps.Steps | None = None


def iterate(agent: Learner, play: Callable[[], Played]) -> None:
    """Takes one iteration; called in the train step.

    Args:
        agent: A compiled `CEMAgent`. Its weights, counters and
            `train_metrics` are updated.
        play: Returns the K trajectories of the iteration.
    """
    trajectories = play()
    ranked = rank(agent, trajectories)
    chosen = trajectories.chosen or choose(agent, ranked.returns)
    learn(agent, trajectories, ranked, chosen)


def learn(
    agent: Learner, trajectories: Played, ranked: Ranked, chosen: Chosen
) -> None:
    """Learns from the trajectories of an iteration, elites chosen.

    Args:
        agent: A compiled `CEMAgent`.
        trajectories: The K trajectories.
        ranked: Their ranks.
        chosen: What `choose` returned for `ranked.returns`.
    """
    number = tf.reduce_sum(tf.cast(chosen.mask, tf.float32))
    selected = Elites(ranked.candidates, *chosen, number)
    update = imitate_elites(agent, trajectories, ranked, selected)
    remember(agent, trajectories, ranked, selected, update)
    report(agent, trajectories, ranked, selected, update)


def rank(agent: Learner, trajectories: Played) -> Ranked:
    """Returns what ranks the trajectories and those of the memory, or steps."""
    if agent.critic is not None:
        estimated = critic.estimate(agent, trajectories)
        steps = elite_steps.Steps(trajectories, estimated)
        return Ranked(steps, steps.advantages, steps.advantages, steps)
    returns = trajectories.ranked(agent.discount)
    if agent.memory is None:
        return Ranked(trajectories, returns, returns)
    candidates, all_returns = agent.memory.candidates(
        trajectories, returns, agent.iteration.value
    )
    return Ranked(candidates, all_returns, returns)


def choose(agent: Learner, returns: tf.Tensor) -> Chosen:
    """Returns which candidates are elites; needs nothing but their returns.

    Args:
        agent: The agent.
        returns: float32, the (discounted) return of each candidate, or the
            advantage of each step, as in `Ranked`.
    """
    return elites.select(
        returns,
        agent.elite_quantile,
        agent.ties,
        per_start=agent.groups.per_start,
        per_policy=agent.groups.per_policy,
    )


def imitate_elites(
    agent: Learner, trajectories: Played, ranked: Ranked, selected: Elites
) -> Update:
    """Takes the gradient steps, unless a value is not finite."""
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
    return Update(loss, critic_loss, explained, withheld, learned)


def remember(
    agent: Learner,
    trajectories: Played,
    ranked: Ranked,
    selected: Elites,
    update: Update,
) -> None:
    """Updates what later iterations need: memory, statistics, counters."""
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
