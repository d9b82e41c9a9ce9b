"""One iteration of the method: start here after the lecture.

| the lecture | here |
|---|---|
| trajectories tau_1, ..., tau_K of the explored policy pi_n | `play` |
| returns G(tau_k) | `rank` |
| elites, G(tau_k) > gamma_q, the q-quantile of the returns | `choose` |
| gradient steps towards the actions of the elites | `imitate_elites` |
| V_n, the mean of G(tau_k) | `report` |

With a critic, single steps are ranked and selected, see `elite_steps`. A memory
of elites, groups and values that are not finite are the concern of `ranking`
and `learning`.
"""

from collections.abc import Callable

import tensorflow as tf

from keras_cem.algorithm import elites
from keras_cem.algorithm.learner import Elites, Learner
from keras_cem.algorithm.learning import imitate_elites, report
from keras_cem.algorithm.ranking import Ranked, rank
from keras_cem.engines.trajectories import Chosen, Played


def iterate(agent: Learner, play: Callable[[], Played]) -> None:
    """Takes one iteration; called in the train step.

    Args:
        agent: A compiled `CEMAgent`. Its weights, counters and
            `train_metrics` are updated.
        play: Returns the K trajectories of the iteration.
    """
    trajectories = play()
    ranked = rank(agent, trajectories)
    selected = choose(agent, trajectories, ranked)
    update = imitate_elites(agent, trajectories, ranked, selected)
    report(agent, trajectories, ranked, selected, update)


def choose(agent: Learner, trajectories: Played, ranked: Ranked) -> Elites:
    """Returns the elites. Of what workers play, they are chosen before."""
    chosen = trajectories.chosen or select(agent, ranked.returns)
    return Elites.of(ranked.candidates, chosen)


def select(agent: Learner, returns: tf.Tensor) -> Chosen:
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
