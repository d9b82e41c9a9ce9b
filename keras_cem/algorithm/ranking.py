"""What an iteration ranks: trajectories and a memory's, or single steps."""

from typing import NamedTuple

import tensorflow as tf

from keras_cem.algorithm import critic, elite_steps
from keras_cem.algorithm.learner import Learner
from keras_cem.engines.trajectories import Played, StoredPairs


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
