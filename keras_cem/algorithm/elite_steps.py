"""Elite steps: the steps whose advantage exceeds the quantile are imitated.

    A_t     = the advantage of step t over the critic, see `advantages`
    gamma_q = q-quantile of A_t over all steps of the K trajectories
    elites  = the steps with A_t > gamma_q

With a critic that is 0, discount and lambda 1, and episodes of one step, the
elites are those of whole trajectories.
"""

from typing import Any

import tensorflow as tf

from keras_cem.algorithm import critic, gradient_steps, imitation
from keras_cem.algorithm.advantages import Advantages
from keras_cem.algorithm.learner import Elites, Learner
from keras_cem.engines.pairs import Pairs
from keras_cem.engines.trajectories import Played
from keras_cem.utils import nonfinite

UNITS = ("trajectory", "step")


class Steps:
    """The steps of K trajectories, as candidates for elites.

    Args:
        played: The trajectories.
        estimated: Their advantages.

    Attributes:
        estimated: As given.
        fault: int32 scalar, code of a nonfinite value of the critic; 0 for
            none.
        advantages: float32 `(T K,)`, the advantage of each step; NaN for steps
            that are left out.
        lengths: int32 `(K,)`, number of steps per trajectory.
        num_steps: Number of steps including padding.
        block_size: Number of pairs per block, or None, as in `StoredPairs`.
    """

    def __init__(self, played: Played, estimated: Advantages):
        self._played = played
        self.estimated = estimated
        fine = nonfinite.all_finite([estimated.advantages, estimated.values])
        self.fault = tf.where(fine, 0, int(nonfinite.Fault.VALUE))
        nothing = tf.constant(float("nan"))
        self.advantages = tf.reshape(
            tf.where(estimated.mask, estimated.advantages, nothing), (-1,)
        )
        self.lengths = played.lengths
        self.num_steps = played.num_steps
        self.block_size = played.block_size

    def pairs(self, mask: tf.Tensor, *, drawn: bool) -> Pairs:
        """Returns the pairs of some steps; `mask` is bool `(T K,)`."""
        del drawn
        return self._played.step_pairs(
            tf.reshape(mask, tf.shape(self.estimated.mask))
        )

    def any_per_trajectory(self, mask: tf.Tensor) -> tf.Tensor:
        """Whether `mask`, bool `(T K,)`, is true in a step, bool `(K,)`."""
        return tf.reduce_any(
            tf.reshape(mask, tf.shape(self.estimated.mask)), axis=0
        )

    def gather(self, trajectory: tf.Tensor, step: tf.Tensor) -> tuple[Any, Any]:
        """Returns observations and actions of pairs, `(B, ...)`."""
        return self._played.gather(trajectory, step)


def learn(
    agent: Learner, played: Played, steps: Steps, elites: Elites
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Fits the critic to all steps and imitates the elite steps.

    Args:
        agent: A compiled `CEMAgent` with a critic.
        played: The K trajectories.
        steps: Their steps.
        elites: The elite steps; there may be none.

    Returns:
        The loss of the policy, the loss of the critic, and the code of a
        nonfinite value, as in `gradient_steps.descend`. If there is one,
        neither changes.
    """

    def run() -> tuple[tf.Tensor, tf.Tensor]:
        critic_loss, bad = critic.learn(agent, played, steps.estimated)
        loss, bad = tf.cond(
            tf.equal(bad, 0) & (elites.number > 0.0),
            lambda: imitation.imitate(agent, elites),
            lambda: (tf.zeros(()), bad),
        )
        return tf.stack([loss, critic_loss]), bad

    losses, bad = gradient_steps.all_or_nothing(
        run,
        [
            *agent.network_variables(),
            *agent.optimizer.variables,
            *critic.learned_variables(agent),
        ],
    )
    return losses[0], losses[1], bad
