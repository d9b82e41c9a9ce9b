"""What one iteration does with its trajectories: select, imitate, report."""

from typing import Any

import tensorflow as tf

from keras_cem import elites, improvement, prng
from keras_cem.pairs import ElitePairs, accumulate, block_size
from keras_cem.rollouts.graph import GraphTrajectories
from keras_cem.rollouts.recorded import RecordedTrajectories


def learn(agent: Any, played: Any) -> None:
    """Takes one iteration: to be called inside of the train step.

    Args:
        agent: A `CEMAgent`, compiled. Its weights, counters and
            `train_metrics` are updated.
        played: K trajectories, `Trajectories` of tensors or
            `GraphTrajectories`.
    """
    returns, lengths = played.returns, played.lengths
    gamma_q = elites.threshold(returns, agent.elite_quantile)
    elite_mask = elites.mask(returns, gamma_q, agent.ties)
    num_elites = tf.reduce_sum(tf.cast(elite_mask, tf.float32))
    loss = tf.cond(
        agent.graph_steps.may_learn(played) & (num_elites > 0.0),
        lambda: imitate(agent, played, elite_mask, num_elites),
        lambda: tf.zeros(()),
    )
    agent.graph_steps.learned(loss)
    agent.iteration.assign_add(1)
    if not isinstance(played, RecordedTrajectories):
        agent.env_steps.assign_add(
            tf.reduce_sum(tf.cast(lengths, agent.env_steps.dtype))
        )
    metrics = agent.train_metrics
    metrics.loss.update_state(loss)
    metrics.episode_return.update_state(returns)
    metrics.episode_return_max.update_state(tf.reduce_max(returns))
    metrics.episode_length.update_state(lengths)
    metrics.elite_threshold.update_state(gamma_q)
    metrics.num_elites.update_state(num_elites)
    metrics.epsilon.update_state(agent.epsilon)
    metrics.env_steps.update_state(agent.env_steps)


def imitate(
    agent: Any, played: Any, elite_mask: tf.Tensor, num_elites: tf.Tensor
) -> tf.Tensor:
    """Takes the gradient steps of an iteration towards its elites.

    Args:
        agent: A `CEMAgent`, compiled.
        played: Trajectories: `lengths`, `num_steps` and `gather` are used.
        elite_mask: bool tensor `(K,)`, true somewhere.
        num_elites: float scalar, how many are.

    Returns:
        The loss, not finite if nothing was learned.
    """
    found = ElitePairs(played.lengths, elite_mask)
    total = tf.cast(found.total, tf.float32)
    per_trajectory = agent.loss_normalization == "trajectory"
    scale = 1.0 / (num_elites if per_trajectory else total)
    key = prng.make_key(agent.seed, prng.MINIBATCHES, agent.iteration.value)
    head, variables = agent.training_head, agent.trainable_variables
    weights = [variable.value for variable in variables]
    # In-graph trajectories may be too many to take all pairs at once.
    in_graph = isinstance(played, GraphTrajectories)
    size_of_block = block_size(played.num_steps) if in_graph else None

    def gradients(
        numbers: tf.Tensor, counts: Any, first: Any, scale: Any
    ) -> list[tf.Tensor]:
        observations, actions = played.gather(*found.locate(numbers))
        with tf.GradientTape() as tape:
            outputs = agent(observations, training=True)
            losses = tf.where(counts, head.loss(outputs, actions), 0.0)
            loss = scale * tf.reduce_sum(losses)
            loss += first * improvement.penalties(agent)
            scaled = agent.optimizer.scale_loss(loss)
        return [
            loss,
            *tape.gradient(scaled, weights, unconnected_gradients="zero"),
        ]

    def of_all(
        numbers: tf.Tensor, counts: tf.Tensor, first: tf.Tensor
    ) -> list[tf.Tensor]:
        return gradients(numbers, counts, first, scale)

    def function(number: tf.Tensor) -> tuple[tf.Tensor, list[tf.Tensor]]:
        size = agent.minibatch_size
        if size is None:
            like = [tf.constant(0.0), *weights]
            sums = accumulate(
                of_all, found.total, played.num_steps, like, size_of_block
            )
        else:
            drawn = found.draw(key, number, size)
            sums = gradients(drawn, True, 1.0, scale * total / size)
        return sums[0], sums[1:]

    def step(number: tf.Tensor) -> tf.Tensor:
        return improvement.gradient_step(
            agent,
            lambda: function(number),
            variables,
            agent.policy.non_trainable_variables,
        )

    return improvement.descend(
        step,
        agent.gradient_steps,
        [*agent.policy.variables, *agent.optimizer.variables],
    )
