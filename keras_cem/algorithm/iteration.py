"""One iteration on its trajectories: select elites, imitate, report metrics."""

from typing import Any

import numpy as np
import tensorflow as tf

from keras_cem import prng
from keras_cem.algorithm import elites, gradient_steps
from keras_cem.algorithm.elite_memory import Candidates
from keras_cem.algorithm.elite_pairs import (
    ElitePairs,
    PairsByStep,
    accumulate,
    block_size,
)
from keras_cem.algorithm.transposed_kernels import Kernels
from keras_cem.engines import trajectories
from keras_cem.engines.graph.trajectories import GraphTrajectories
from keras_cem.engines.recorded.source import RecordedTrajectories


def learn(agent: Any, played: Any) -> None:
    """Learns from the trajectories of one iteration; called in the train step.

    Args:
        agent: A compiled `CEMAgent`. Its weights, counters and
            `train_metrics` are updated.
        played: K trajectories, `Trajectories` of tensors or
            `GraphTrajectories`.
    """
    returns, lengths = played.returns, played.lengths
    # A trajectory with a nonfinite return is left out.
    sound = tf.math.is_finite(returns)
    in_graph = isinstance(played, GraphTrajectories)
    now, memory, groups = agent.iteration.value, agent.memory, agent.groups
    discount = trajectories.constant_discount(agent.discount)
    if discount is None:
        ranked = returns
    elif in_graph:
        ranked = played.discounted
    else:
        ranked = played.discounted_returns(discount)
    candidates, compared = played, ranked
    if memory is not None:
        candidates = Candidates(played, memory)
        compared = memory.candidates(ranked, now)
    gamma_q, elite_mask = elites.select(
        compared,
        agent.elite_quantile,
        agent.ties,
        per_start=groups.per_start,
        per_policy=groups.per_policy,
    )
    num_elites = tf.reduce_sum(tf.cast(elite_mask, tf.float32))
    may_learn = agent.graph_steps.may_learn(played)
    loss, withheld = tf.cond(
        may_learn & (num_elites > 0.0),
        lambda: imitate(agent, candidates, elite_mask, num_elites, in_graph),
        lambda: (tf.zeros(()), tf.constant(0)),
    )
    agent.graph_steps.learned(withheld)
    updated = tf.equal(withheld, 0)
    learned = may_learn & updated
    if memory is not None:
        fresh_elites = elite_mask[: tf.size(ranked)]
        memory.update(played, ranked, fresh_elites, now, learned)
    if agent.normalize_observations:
        # Only now, so that acting and learning in one iteration use the same
        # statistics.
        tf.cond(
            learned,
            lambda: _observe(agent, played),
            lambda: None,
        )
    agent.iteration.assign_add(1)
    if not isinstance(played, RecordedTrajectories):
        agent.env_steps.assign_add(
            tf.reduce_sum(tf.cast(lengths, agent.env_steps.dtype))
        )
    agent.graph_steps.note_returns(returns)
    metrics = agent.train_metrics
    weight = tf.cast(sound, tf.float32)
    # Zero weights are not enough, because 0 times NaN is NaN.
    metrics.loss.update_state(
        tf.where(updated, loss, 0.0), tf.cast(updated, tf.float32)
    )
    metrics.episode_return.update_state(tf.where(sound, returns, 0.0), weight)
    metrics.episode_return_max.update_state(
        tf.reduce_max(tf.where(sound, returns, -np.inf))
    )
    metrics.episode_length.update_state(lengths, weight)
    known = tf.math.is_finite(gamma_q)
    metrics.elite_threshold.update_state(
        tf.where(known, gamma_q, 0.0), tf.cast(known, tf.float32)
    )
    metrics.num_elites.update_state(num_elites)
    metrics.epsilon.update_state(agent.epsilon)
    metrics.env_steps.update_state(agent.env_steps)
    metrics.num_nonfinite.update_state(
        tf.reduce_sum(1.0 - weight) + 1.0 - tf.cast(updated, tf.float32)
    )


def _observe(agent: Any, played: Any) -> None:
    agent.policy.update(played.moments(agent.observation_space))


def imitate(
    agent: Any,
    played: Any,
    elite_mask: tf.Tensor,
    num_elites: tf.Tensor,
    in_graph: bool,
) -> tuple[tf.Tensor, tf.Tensor]:
    """Takes the gradient steps of an iteration towards its elites.

    Args:
        agent: A compiled `CEMAgent`.
        played: Trajectories with `lengths`, `num_steps` and `gather`.
        elite_mask: bool tensor `(K,)` with at least one elite.
        num_elites: float scalar, the number of elites.
        in_graph: Whether shapes must be static and pairs are taken in blocks,
            because there may be too many for one.

    Returns:
        The loss, and the code of a nonfinite value that prevented learning, as
        in `gradient_steps.descend`.
    """
    found: ElitePairs
    if agent.minibatch_size is None and isinstance(played, GraphTrajectories):
        found = PairsByStep(played.lengths, elite_mask, played.max_steps)
    else:
        found = ElitePairs(
            played.lengths, elite_mask, tf.int32 if in_graph else tf.int64
        )
    total = tf.cast(found.total, tf.float32)
    equal = agent.loss_normalization == "length"
    scale = agent.loss_weight / (
        total if agent.loss_normalization == "pair" else num_elites
    )
    key = prng.make_key(agent.seed, prng.MINIBATCHES, agent.iteration.value)
    head, variables = agent.training_head, agent.trainable_variables
    stateful = agent.network_variables()
    size_of_block = block_size(played.num_steps) if in_graph else None

    def gradients(
        kernels: Kernels,
        numbers: tf.Tensor,
        counts: Any,
        first: Any,
        scale: Any,
        by_length: bool,
    ) -> list[tf.Tensor]:
        rows, steps = found.locate(numbers)
        observations, actions = played.gather(rows, steps)
        weights = scale
        if by_length:
            weights /= tf.cast(tf.gather(played.lengths, rows), tf.float32)

        def loss_of(outputs: Any, penalties: tf.Tensor) -> tf.Tensor:
            losses = tf.where(counts, head.loss(outputs, actions), 0.0)
            return tf.reduce_sum(weights * losses) + first * penalties

        return kernels.gradients(observations, loss_of)

    def function(number: tf.Tensor) -> tuple[tf.Tensor, list[tf.Tensor]]:
        size = agent.minibatch_size
        if size is None:
            # The weights at the start of this step.
            kernels = Kernels(agent, transposed=in_graph)
            loss, *sums = accumulate(
                lambda numbers, counts, first: gradients(
                    kernels, numbers, counts, first, scale, equal
                ),
                found.total,
                played.num_steps,
                [tf.constant(0.0), *kernels.held],
                size_of_block,
            )
        else:
            kernels = Kernels(agent, transposed=False)
            drawn = found.draw(key, number, size, by_trajectory=equal)
            # If drawn by trajectory, pairs need no weights: each is drawn as
            # often as its weight requires.
            share = agent.loss_weight / size
            if not equal:
                share = scale * total / size
            loss, *sums = gradients(
                kernels, drawn, True, 1.0, share, by_length=False
            )
        return loss, kernels.restore(sums)

    def step(number: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        return gradient_steps.gradient_step(
            agent,
            lambda: function(number),
            variables,
            [each for each in stateful if not each.trainable],
        )

    return gradient_steps.descend(
        step,
        agent.gradient_steps,
        [*stateful, *agent.optimizer.variables],
    )
