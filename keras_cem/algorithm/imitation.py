"""Imitation: gradient steps towards the actions of the elites."""

from collections.abc import Callable

import tensorflow as tf

from keras_cem import prng
from keras_cem.algorithm import gradient_steps
from keras_cem.algorithm.learner import Elites, Learner
from keras_cem.algorithm.transposed_kernels import Kernels
from keras_cem.engines.pairs import accumulate
from keras_cem.utils.tensors import Nest


def imitate(agent: Learner, elites: Elites) -> tuple[tf.Tensor, tf.Tensor]:
    """Takes the gradient steps of an iteration towards its elites.

    Args:
        agent: A compiled `CEMAgent`.
        elites: The elites, at least one.

    Returns:
        The loss, and the code of a nonfinite value that prevented learning, as
        in `gradient_steps.descend`.
    """
    loss = EliteLoss(agent, elites)
    stateful = agent.network_variables()
    variables = [*stateful, *agent.optimizer.variables]

    def step(
        gradients: Callable[[], tuple[tf.Tensor, list[tf.Tensor]]],
    ) -> tuple[tf.Tensor, tf.Tensor]:
        return gradient_steps.gradient_step(
            agent.optimizer,
            gradients,
            agent.trainable_variables,
            [each for each in stateful if not each.trainable],
        )

    epochs = agent.gradient_epochs
    if epochs is None:
        return gradient_steps.descend(
            lambda number: step(lambda: loss.gradients(number)),
            agent.gradient_steps or 1,
            variables,
        )
    return gradient_steps.all_or_nothing(
        lambda: gradient_steps.descend_epochs(
            lambda *minibatch: step(lambda: loss.of_minibatch(*minibatch)),
            loss.pairs,
            agent.minibatch_size or gradient_steps.DEFAULT_MINIBATCH_SIZE,
            epochs,
            prng.fold_in(loss.key, prng.SubStream.SHUFFLED_PAIRS),
        ),
        variables,
    )


class EliteLoss:
    """The loss of the pairs (s, a) of the elites, and its gradients.

        Loss = 1/|elites| sum of loss(s, a) over the pairs of the elites

    With `loss_normalization="pair"` the sum is divided by the number of pairs.
    With `"length"` the loss of each trajectory is also divided by its length.
    `compile(loss_weights=...)` multiplies the loss.

    Args:
        agent: A compiled `CEMAgent`.
        elites: The elites, at least one.
    """

    def __init__(self, agent: Learner, elites: Elites):
        self._agent = agent
        self._head = agent.training_head
        self._stored = elites.candidates
        self.pairs = elites.candidates.pairs(
            elites.mask, drawn=agent.minibatch_size is not None
        )
        self.key = prng.make_key(
            agent.seed, prng.MINIBATCHES, agent.iteration.value
        )
        self._equal = agent.loss_normalization == "length"
        self._total = tf.cast(self.pairs.total, tf.float32)
        self._scale = agent.loss_weight / (
            self._total if agent.loss_normalization == "pair" else elites.number
        )

    def gradients(self, number: tf.Tensor) -> tuple[tf.Tensor, list[tf.Tensor]]:
        """Returns the loss and its gradients, on the pairs of one step.

        Args:
            number: int32 scalar, number of the gradient step.

        Returns:
            The loss, a scalar, and the gradients with respect to the trainable
            variables. The gradients have the optimizer's loss scale.
        """
        size = self._agent.minibatch_size
        if size is None:
            return self._of_all()
        return self._of_drawn(number, size)

    def of_minibatch(
        self, numbers: tf.Tensor, counts: tf.Tensor, number: tf.Tensor
    ) -> tuple[tf.Tensor, list[tf.Tensor]]:
        """Returns the loss and its gradients, on a minibatch of an epoch.

        Args:
            numbers: `(B,)`, numbers of the pairs.
            counts: bool `(B,)`, true for the pairs that count.
            number: float32 scalar, how many count.
        """
        kernels = Kernels(self._agent, transposed=False)
        # As if the other pairs had the same mean loss.
        share = self._scale * self._total / number
        loss, *gradients = self._of(
            kernels, numbers, counts, tf.constant(1.0), share, self._equal
        )
        return loss, kernels.restore(gradients)

    def _of_all(self) -> tuple[tf.Tensor, list[tf.Tensor]]:
        block_size = self._stored.block_size
        # The weights at the start of this step.
        kernels = Kernels(self._agent, transposed=block_size is not None)
        loss, *sums = accumulate(
            lambda numbers, counts, first: self._of(
                kernels, numbers, counts, first, self._scale, self._equal
            ),
            self.pairs.total,
            self._stored.num_steps,
            [tf.constant(0.0), *kernels.held],
            block_size,
        )
        return loss, kernels.restore(sums)

    def _of_drawn(
        self, number: tf.Tensor, size: int
    ) -> tuple[tf.Tensor, list[tf.Tensor]]:
        agent = self._agent
        kernels = Kernels(agent, transposed=False)
        drawn = self.pairs.draw(
            self.key, number, size, by_trajectory=self._equal
        )
        # If drawn by trajectory, pairs need no weights: each is drawn as often
        # as its weight requires.
        share = agent.loss_weight / size
        if not self._equal:
            share = self._scale * self._total / size
        everyone = tf.ones([size], tf.bool)
        loss, *gradients = self._of(
            kernels, drawn, everyone, tf.constant(1.0), share, by_length=False
        )
        return loss, kernels.restore(gradients)

    def _of(
        self,
        kernels: Kernels,
        numbers: tf.Tensor,
        counts: tf.Tensor,
        first: tf.Tensor,
        scale: tf.Tensor | float,
        by_length: bool,
    ) -> list[tf.Tensor]:
        """Returns the loss and the gradients, as `Kernels.gradients` does.

        Args:
            kernels: The weights.
            numbers: `(B,)`, numbers of the pairs.
            counts: bool `(B,)`, true for the pairs that count.
            first: float32 scalar, the factor of the model's own losses.
            scale: The factor of the loss of each pair.
            by_length: Whether to divide it by the length of its trajectory.
        """
        rows, steps = self.pairs.locate(numbers)
        observations, actions = self._stored.gather(rows, steps)
        weights = scale
        if by_length:
            lengths = tf.gather(self._stored.lengths, rows)
            weights /= tf.cast(lengths, tf.float32)

        def loss_of(outputs: Nest, penalties: tf.Tensor) -> tf.Tensor:
            losses = tf.where(counts, self._head.loss(outputs, actions), 0.0)
            return tf.reduce_sum(weights * losses) + first * penalties

        return kernels.gradients(observations, loss_of)
