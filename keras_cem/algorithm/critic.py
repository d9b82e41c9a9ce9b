"""The critic: what it expects of each step, and how it learns."""

from typing import Any

import tensorflow as tf

from keras_cem import prng
from keras_cem.algorithm import advantages, gradient_steps
from keras_cem.algorithm.advantages import Advantages
from keras_cem.algorithm.learner import Learner, Network
from keras_cem.engines.pairs import MAX_BLOCK_SIZE
from keras_cem.engines.trajectories import Played
from keras_cem.networks.category_lookup import with_lookup
from keras_cem.networks.moments import of_batch
from keras_cem.networks.normalization import NormalizedPolicy

# The scale of returns is at least this share of their mean. Returns that hardly
# differ would be blown up otherwise.
LEAST_SCALE = 0.1


def return_scale(agent: Learner) -> tf.Tensor:
    """Returns the scale of returns so far, a float32 scalar; 1 at first.

    It is the standard deviation of the lambda-returns of all steps, and at
    least about a tenth of their mean. The critic's network gives values in this
    unit. So it learns numbers around 1, whatever the scale of the rewards.
    """
    seen = agent.return_statistics
    deviation = 1.0 / tf.convert_to_tensor(seen.scale)[0]
    mean = tf.convert_to_tensor(seen.shift)[0]
    return tf.sqrt(tf.square(deviation) + tf.square(LEAST_SCALE * mean))


def estimate(agent: Learner, played: Played) -> Advantages:
    """Returns the advantages of all steps of the trajectories.

    Trajectories with a nonfinite return are left out.

    Args:
        agent: The agent; its critic gives the values.
        played: K trajectories with rewards and last observations.
    """
    scale = return_scale(agent)
    sound = tf.math.is_finite(played.returns)
    final_values = _values(agent, played.final_observations)
    return advantages.estimate(
        played.step_rewards,
        scale * _values_of_steps(agent, played, sound),
        tf.where(played.terminated, 0.0, scale * final_values),
        tf.where(sound, played.lengths, 0),
        agent.discount,
        agent.gae_lambda,
    )


def learn(
    agent: Learner, played: Played, estimated: Advantages
) -> tuple[tf.Tensor, tf.Tensor]:
    """Fits the critic to the lambda-returns of all steps.

    Args:
        agent: The agent. `learned_variables` change.
        played: K trajectories.
        estimated: Their advantages.

    Returns:
        The mean over all minibatches of the mean squared error, in units of the
        return scale, and the code of a nonfinite value that prevented learning,
        as in `gradient_steps.descend`.
    """
    returns = estimated.returns
    agent.return_statistics.update(
        of_batch(
            tf.reshape(returns, (-1, 1)), tf.reshape(estimated.mask, (-1,))
        )
    )
    targets = returns / return_scale(agent)
    pairs = played.pairs(tf.reduce_any(estimated.mask, axis=0), drawn=True)
    critic, optimizer = _critic(agent), agent.critic_optimizer
    variables = critic.trainable_variables

    def gradients(
        numbers: tf.Tensor, counts: tf.Tensor, number: tf.Tensor
    ) -> tuple[tf.Tensor, list[tf.Tensor]]:
        rows, steps = pairs.locate(numbers)
        observations, _ = played.gather(rows, steps)
        wanted = tf.gather_nd(targets, tf.stack([steps, rows], axis=-1))
        with tf.GradientTape() as tape:
            values = _values(agent, observations, training=True)
            errors = tf.where(counts, tf.square(values - wanted), 0.0)
            loss = tf.reduce_sum(errors) / number
            loss += gradient_steps.penalties(critic)
            scaled = optimizer.scale_loss(loss)
        return loss, tape.gradient(
            scaled,
            [each.value for each in variables],
            unconnected_gradients=tf.UnconnectedGradients.ZERO,
        )

    key = prng.make_key(agent.seed, prng.MINIBATCHES, agent.iteration.value)
    return gradient_steps.descend_epochs(
        lambda *minibatch: gradient_steps.gradient_step(
            optimizer,
            lambda: gradients(*minibatch),
            variables,
            critic.non_trainable_variables,
        ),
        pairs,
        agent.minibatch_size or gradient_steps.DEFAULT_MINIBATCH_SIZE,
        agent.critic_epochs or 1,
        prng.fold_in(key, prng.SubStream.SHUFFLED_STEPS),
    )


def learned_variables(agent: Learner) -> list[Any]:
    """Returns all variables that `learn` changes."""
    return [
        *_critic(agent).variables,
        *agent.return_statistics.variables,
        *agent.critic_optimizer.variables,
    ]


def _critic(agent: Learner) -> Network:
    if agent.critic is None:
        raise ValueError("Elite steps need a critic. Received: critic=None")
    network: Network = agent.critic
    return network


def _values(
    agent: Learner, observations: Any, training: bool = False
) -> tf.Tensor:
    """Returns the network's values of observations, float32 `(B,)`."""
    policy = agent.policy
    if isinstance(policy, NormalizedPolicy):
        observations = policy.normalized(observations)
    critic = with_lookup(_critic(agent))
    outputs = critic(observations, training=training)
    return tf.cast(tf.reshape(outputs, (-1,)), tf.float32)


def _values_of_steps(
    agent: Learner, played: Played, sound: tf.Tensor
) -> tf.Tensor:
    """Returns the network's values of all steps, float32 `(T, K)`.

    Only real steps are computed, in blocks. Other entries have no meaning.

    Args:
        agent: The agent.
        played: K trajectories.
        sound: bool `(K,)`, false for trajectories that are left out.
    """
    pairs = played.pairs(sound, drawn=True)
    size = played.block_size or MAX_BLOCK_SIZE
    dtype = pairs.total.dtype
    block = tf.range(size, dtype=dtype)
    last = tf.maximum(pairs.total - 1, 0)

    def body(number: tf.Tensor, found: tf.TensorArray) -> Any:
        numbers = tf.minimum(tf.cast(number, dtype) * size + block, last)
        observations, _ = played.gather(*pairs.locate(numbers))
        return number + 1, found.write(number, _values(agent, observations))

    _, found = tf.while_loop(
        lambda number, _: tf.cast(number, dtype) * size < pairs.total,
        body,
        (
            tf.constant(0),
            tf.TensorArray(
                tf.float32,
                tf.cast(-(-played.num_steps // size), tf.int32),
                element_shape=(size,),
            ),
        ),
    )
    values = tf.reshape(found.stack(), (-1,))
    # Pairs are numbered trajectory by trajectory.
    counts = tf.where(sound, tf.cast(played.lengths, dtype), 0)
    begins = tf.cumsum(counts, exclusive=True)
    steps = tf.range(tf.shape(played.step_rewards)[0])[:, tf.newaxis]
    numbers = begins + tf.cast(steps, dtype)
    return tf.gather(values, tf.minimum(numbers, last))
