"""State that compiled in-graph steps share with Python."""

from collections.abc import Callable
from typing import Protocol

import keras
import tensorflow as tf

from keras_cem import heads, prng
from keras_cem.agent import critics
from keras_cem.algorithm.learner import Learner
from keras_cem.engines import returns
from keras_cem.engines.graph.source import GraphSource
from keras_cem.engines.graph.trajectories import GraphTrajectories
from keras_cem.engines.policies import Policy
from keras_cem.engines.trajectories import Played
from keras_cem.utils import nonfinite
from keras_cem.utils.tensors import Integer, Number

CURE = "Reduce the learning rate, or set `clipnorm` of the optimizer."


# Function of the number of iterations done so far that returns epsilon.
Schedule = Callable[[int], Number]


class GraphAgent(Learner, Protocol):
    """What execution in the graph needs of an agent."""

    head: heads.Head
    on_nonfinite: str
    steps_per_execution: int

    @property
    def variables(self) -> list[keras.Variable]:
        """All variables, counters included."""

    def acting_network(self) -> Policy:
        """The network that acts."""


class GraphExecution:
    """Lets compiled steps follow schedules and stop at nonfinite values.

    The iterations of one execution never return to Python. So the epsilon of
    each iteration is computed before the execution. A step records the first
    nonfinite value, and later steps learn nothing. After the execution, all
    variables are restored and an error is raised.

    Args:
        agent: A `CEMAgent`.
    """

    def __init__(self, agent: GraphAgent):
        self._agent = agent
        self._stream = tf.Variable(0, trainable=False, dtype=tf.int64)
        # The first fault: its number (0 for none), iteration, trajectory, step.
        self._fault = tf.Variable([0, 0, 0, 0], trainable=False, dtype=tf.int64)
        self._plans: dict[int, tf.Variable] = {}
        self._returns = tf.Variable(
            tf.zeros(0), trainable=False, shape=tf.TensorShape([None])
        )
        self._elite = tf.Variable(
            tf.zeros(0, tf.bool), trainable=False, shape=tf.TensorShape([None])
        )
        self._before: list[tuple[keras.Variable, tf.Tensor]] = []

    @property
    def latest_returns(self) -> tf.Tensor:
        """Episode returns of the last iteration of `fit`, float32 `(K,)`."""
        return self._returns.value()

    @property
    def latest_elites(self) -> tf.Tensor:
        """Which trajectories of the last iteration were elite, bool `(K,)`.

        With elite steps, those with at least one elite step.
        """
        return self._elite.value()

    @property
    def within_epoch(self) -> list[tf.Variable]:
        """Variables that callbacks read at the end of an epoch."""
        return [self._returns, self._elite]

    def begin_fit(self, batch_size: int) -> None:
        """Prepares for the first step of a `fit`.

        Args:
            batch_size: K, the number of trajectories per iteration.
        """
        # Under XLA, a step cannot change the shape of a variable.
        self._returns.assign(tf.zeros(batch_size))
        self._elite.assign(tf.zeros(batch_size, tf.bool))

    def note(self, returns: tf.Tensor, elite: tf.Tensor) -> None:
        """Stores the returns and elites of an iteration for callbacks.

        It is called inside the step.

        Args:
            returns: float32 tensor `(K,)`.
            elite: bool tensor `(K,)`.
        """
        self._returns.assign(returns)
        self._elite.assign(elite)

    def begin_training(
        self, schedule: Schedule | None, num_iterations: int
    ) -> None:
        """Prepares an execution of training; called before each one.

        Args:
            schedule: Schedule of epsilon over iterations, or None to keep
                epsilon.
            num_iterations: Number of iterations per execution.
        """
        agent = self._agent
        self._fault.assign(tf.zeros_like(self._fault))
        changed = [*agent.variables, *critics.optimizer_variables(agent)]
        if agent.memory is not None:
            changed += agent.memory.buffers
        # Reading copies nothing. A later write goes to another buffer.
        self._before = [
            (variable, tf.convert_to_tensor(variable)) for variable in changed
        ]
        if num_iterations not in self._plans:
            self._plans[num_iterations] = tf.Variable(
                tf.zeros(num_iterations), trainable=False
            )
        planned = [float(agent.epsilon)] * num_iterations
        done = int(agent.iteration)
        for iteration in range(done, done + num_iterations):
            if schedule is not None:
                value = float(schedule(iteration))
                planned[iteration % num_iterations] = value
        for epsilon in planned:
            agent.head.check_epsilon(epsilon)
        self._plans[num_iterations].assign(planned)

    def begin_testing(self, stream: int) -> None:
        """Prepares an execution of an evaluation.

        Args:
            stream: Random stream of its episodes, a constant of `prng`.
        """
        self._fault.assign(tf.zeros_like(self._fault))
        self._before = []
        self._stream.assign(stream)

    def end(self, name: str) -> None:
        """Undoes the execution and raises if a value was not finite.

        Args:
            name: Name of the environment in the message.

        Raises:
            RuntimeError: If a value was not finite.
        """
        before, self._before = self._before, []
        fault, iteration, trajectory, step = self._fault.numpy().tolist()
        if not fault:
            return
        self._fault.assign(tf.zeros_like(self._fault))
        for variable, value in before:
            variable.assign(value)
        found = nonfinite.Fault(fault)
        where = f"iteration {iteration + 1}" if before else "an evaluation"
        where += f" is {found.wrong}. Environment {name}."
        undone = (
            " Weights, optimizer and counters are restored to their values "
            "before the execution (of `steps_per_execution` iterations)."
            if before
            else ""
        )
        if found.in_update:
            raise RuntimeError(f"The {found.what} in {where}{undone} {CURE}")
        raise RuntimeError(
            f"The {found.what} of trajectory {trajectory} in step {step} of "
            f"{where}{undone}"
        )

    def play_for_training(self, source: GraphSource) -> GraphTrajectories:
        """Plays one iteration; called inside the step."""
        agent = self._agent
        plan = self._plans[agent.steps_per_execution]
        iteration = agent.iteration.value
        # Not a slice, which XLA compiles again for each start index.
        epsilon = tf.gather(plan, iteration % agent.steps_per_execution)
        agent.epsilon.assign(epsilon)
        return source.play(
            agent.acting_network(),
            agent.head,
            numbers=(agent.seed, prng.TRAINING_RESETS, iteration),
            epsilon=epsilon,
            groups=agent.groups,
            discount=returns.constant_discount(
                1.0 if agent.critic is not None else agent.discount
            ),
            store_rewards=agent.critic is not None,
        )

    def play_for_testing(
        self, source: GraphSource, tick: tf.Tensor
    ) -> GraphTrajectories:
        """Plays one batch greedily; called inside the step."""
        agent, first = self._agent, tick * source.batch_size
        stream = self._stream.value()
        played = source.play(
            agent.acting_network(),
            agent.head,
            numbers=(agent.seed, stream, agent.iteration.value),
            epsilon=None,
            first=first,
            store=False,
        )
        self._note_faults(played, played.faults, first)
        return played

    def may_learn(self, played: Played) -> tf.Tensor:
        """Whether the trajectories may be learned from; called in the step."""
        if played.faults is None:
            # The host engine has already checked them and would have raised.
            return tf.constant(True)
        self._note_faults(played, played.faults)
        return tf.equal(self._fault[0], 0)

    def learned(self, withheld: tf.Tensor) -> None:
        """Records an update that was withheld; called inside the step.

        Args:
            withheld: Code of the nonfinite value, as `gradient_steps.descend`
                returns it.
        """
        if self._agent.on_nonfinite == nonfinite.RAISE:
            self._note(withheld, 0, 0)

    def check_update(self) -> None:
        """Raises if an update on the host was withheld.

        It is called after each update.

        Raises:
            RuntimeError: If so. The message names the nonfinite value.
        """
        fault, iteration, *_ = self._fault.numpy().tolist()
        if fault:
            self._fault.assign(tf.zeros_like(self._fault))
            raise RuntimeError(
                f"The {nonfinite.Fault(fault).what} of iteration "
                f"{iteration + 1} would not be finite. The weights are "
                f"unchanged. {CURE}"
            )

    def _note_faults(
        self, played: Played, faults: tf.Tensor, first: tf.Tensor | int = 0
    ) -> None:
        outside = tf.equal(faults, int(nonfinite.Fault.OUTSIDE))
        broken = faults > 0
        # An observation outside of its space comes first: it is never skipped.
        row = tf.argmax(tf.cast(broken, tf.int32) + tf.cast(outside, tf.int32))
        fault = tf.gather(faults, row)
        if self._agent.on_nonfinite == nonfinite.SKIP:
            # The finite trajectories continue, if there are any.
            raises = tf.reduce_all(broken) | tf.reduce_any(outside)
            fault = tf.where(raises, fault, 0)
        self._note(
            fault,
            row + tf.cast(first, tf.int64),
            tf.gather(played.lengths, row) - 1,
        )

    def _note(self, *fault: Integer) -> None:
        what, *where = (tf.cast(number, tf.int64) for number in fault)
        iteration = tf.cast(self._agent.iteration.value, tf.int64)
        self._fault.assign(
            tf.where(
                tf.equal(self._fault[0], 0),
                tf.stack([what, iteration, *where]),
                self._fault,
            )
        )
