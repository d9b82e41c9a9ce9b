"""What an iteration inside of a compiled step needs of the world outside."""

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from keras_cem import prng
from keras_cem.rollouts.graph import GraphSource, GraphTrajectories


class GraphSteps:
    """Lets compiled steps follow schedules, and stop learning when they must.

    Nothing returns to Python between the iterations of one execution. So the
    epsilon of each of them is laid out before, and what went wrong is noted,
    nothing is learned any more, and it is raised after.

    Args:
        agent: A `CEMAgent`.
    """

    def __init__(self, agent: Any):
        self._agent = agent
        self._healthy = tf.Variable(True, trainable=False)
        self._plans: dict[int, tf.Variable] = {}

    def begin(
        self, schedule: Callable[[Any], Any] | None, num_steps: int
    ) -> None:
        """Lays out what an execution needs; called before each.

        Args:
            schedule: Of epsilon over iterations; None leaves it as it is.
            num_steps: Iterations an execution.
        """
        agent = self._agent
        self._healthy.assign(True)
        if num_steps not in self._plans:
            self._plans[num_steps] = tf.Variable(
                tf.zeros(num_steps), trainable=False
            )
        if schedule is None:
            planned = [float(agent.epsilon)] * num_steps
        else:
            planned = [0.0] * num_steps
            done = int(agent.iteration)
            for iteration in range(done, done + num_steps):
                value = float(schedule(iteration))
                planned[iteration % num_steps] = value
        for epsilon in planned:
            agent.head.check_epsilon(epsilon)
        self._plans[num_steps].assign(planned)

    def end(self, name: str) -> None:
        """Raises what went wrong; called after each execution.

        Args:
            name: What to call the environment.

        Raises:
            RuntimeError: If something was not finite.
        """
        if bool(self._healthy):
            return
        raise RuntimeError(
            "An observation, a reward, the policy's outputs, the loss or its "
            f"gradient is not finite. Environment {name}, at the latest in "
            f"iteration {int(self._agent.iteration)}. The weights are those of "
            "before that iteration. On the host, engine='host' tells which "
            "trajectory and step."
        )

    def play_for_training(self, source: GraphSource) -> GraphTrajectories:
        """Plays one iteration; called inside of the step."""
        agent = self._agent
        plan = self._plans[agent.steps_per_execution]
        iteration = agent.iteration.value
        # Not a slice: XLA compiles one anew for each place it begins at.
        epsilon = tf.gather(plan, iteration % agent.steps_per_execution)
        agent.epsilon.assign(epsilon)
        return source.play(
            agent.policy,
            agent.head,
            numbers=(agent.seed, prng.TRAINING_RESETS, iteration),
            epsilon=epsilon,
            groups=agent.groups,
            discount=agent.discount,
        )

    def play_for_testing(
        self, source: GraphSource, stream: int, tick: tf.Tensor
    ) -> GraphTrajectories:
        """Plays one batch greedily; called inside of the step."""
        agent = self._agent
        played = source.play(
            agent.policy,
            agent.head,
            numbers=(agent.seed, stream, agent.iteration.value),
            epsilon=None,
            first=tick * source.batch_size,
            store=False,
        )
        self._note(played.finite)
        return played

    def may_learn(self, played: Any) -> Any:
        """Whether what was played is fit to learn from; inside of the step."""
        if not isinstance(played, GraphTrajectories):
            # The host engine has checked it, and raised.
            return tf.constant(True)
        self._note(played.finite)
        return self._healthy.value()

    def learned(self, loss: tf.Tensor) -> None:
        """Takes note of a loss that is not finite; inside of the step."""
        self._note(tf.math.is_finite(loss))

    def _note(self, fine: tf.Tensor) -> None:
        self._healthy.assign(self._healthy & fine)
