"""What an iteration inside of a compiled step needs of the world outside."""

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from keras_cem import prng
from keras_cem.engines import trajectories
from keras_cem.engines.graph.source import GraphSource
from keras_cem.engines.graph.trajectories import GraphTrajectories
from keras_cem.utils import nonfinite
from keras_cem.utils.nonfinite import FAULTS

# What there is to go wrong in playing and in learning, counted from 1.
_ORIGINS = (*FAULTS, *nonfinite.ORIGINS)

CURE = (
    "A smaller learning rate or `clipnorm` of the optimizer is the usual cure."
)


class GraphSteps:
    """Lets compiled steps follow schedules, and stop learning when they must.

    Nothing returns to Python between the iterations of one execution. So the
    epsilon of each of them is laid out before. What is not finite is noted;
    nothing is learned any more; after the execution everything is put back to
    what it was before, and it is raised.

    Args:
        agent: A `CEMAgent`.
    """

    def __init__(self, agent: Any):
        self._agent = agent
        self._stream = tf.Variable(0, trainable=False, dtype=tf.int64)
        # What the first fault is, 0 for none; iteration, trajectory and step.
        self._fault = tf.Variable([0, 0, 0, 0], trainable=False, dtype=tf.int64)
        self._plans: dict[int, tf.Variable] = {}
        self._returns = tf.Variable(
            tf.zeros(0), trainable=False, shape=tf.TensorShape([None])
        )
        self._before: list[tuple[Any, tf.Tensor]] = []

    @property
    def latest_returns(self) -> tf.Tensor:
        """Returns of the last iteration of this `fit`, float32 `(K,)`."""
        return self._returns.value()

    @property
    def within_epoch(self) -> list[tf.Variable]:
        """What callbacks read at the end of an epoch."""
        return [self._returns]

    def begin_fit(self, batch_size: int) -> None:
        """Called before the first step of a `fit`.

        Args:
            batch_size: K.
        """
        # XLA does not let a step change the shape of a variable.
        self._returns.assign(tf.zeros(batch_size))

    def note_returns(self, returns: tf.Tensor) -> None:
        """Keeps the returns of an iteration for callbacks; inside of the step.

        Args:
            returns: float32 tensor `(K,)`.
        """
        self._returns.assign(returns)

    def begin_training(
        self, schedule: Callable[[Any], Any] | None, num_steps: int
    ) -> None:
        """Lays out what an execution of training needs; called before each.

        Args:
            schedule: Of epsilon over iterations; None leaves it as it is.
            num_steps: Iterations an execution.
        """
        agent = self._agent
        self._fault.assign(tf.zeros_like(self._fault))
        changed = [*agent.variables, *agent.optimizer.variables]
        if agent.memory is not None:
            changed += agent.memory.buffers
        # Reading copies nothing: who writes later does, to another buffer.
        self._before = [
            (variable, tf.convert_to_tensor(variable)) for variable in changed
        ]
        if num_steps not in self._plans:
            self._plans[num_steps] = tf.Variable(
                tf.zeros(num_steps), trainable=False
            )
        planned = [float(agent.epsilon)] * num_steps
        done = int(agent.iteration)
        for iteration in range(done, done + num_steps):
            if schedule is not None:
                value = float(schedule(iteration))
                planned[iteration % num_steps] = value
        for epsilon in planned:
            agent.head.check_epsilon(epsilon)
        self._plans[num_steps].assign(planned)

    def begin_testing(self, stream: int) -> None:
        """Lays out what an execution of an evaluation needs.

        Args:
            stream: What its episodes are for, a constant of `prng`.
        """
        self._fault.assign(tf.zeros_like(self._fault))
        self._before = []
        self._stream.assign(stream)

    def end(self, name: str) -> None:
        """Undoes the execution and raises, if something was not finite.

        Args:
            name: What to call the environment.

        Raises:
            RuntimeError: If something was not finite.
        """
        before, self._before = self._before, []
        fault, iteration, trajectory, step = self._fault.numpy().tolist()
        if not fault:
            return
        self._fault.assign(tf.zeros_like(self._fault))
        for variable, value in before:
            variable.assign(value)
        where = f"iteration {iteration + 1}" if before else "an evaluation"
        where += f" is not finite. Environment {name}."
        undone = (
            " Weights, optimizer and counters are what they were before the "
            "execution (of `steps_per_execution` iterations)."
            if before
            else ""
        )
        what = _ORIGINS[fault - 1]
        if fault > len(FAULTS):
            raise RuntimeError(f"The {what} in {where}{undone} {CURE}")
        raise RuntimeError(
            f"The {what} of trajectory {trajectory} in step {step} of "
            f"{where}{undone}"
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
            agent.acting_network(),
            agent.head,
            numbers=(agent.seed, prng.TRAINING_RESETS, iteration),
            epsilon=epsilon,
            groups=agent.groups,
            discount=trajectories.constant_discount(agent.discount),
        )

    def play_for_testing(
        self, source: GraphSource, tick: tf.Tensor
    ) -> GraphTrajectories:
        """Plays one batch greedily; called inside of the step."""
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
        self._note_faults(played, first)
        return played

    def may_learn(self, played: Any) -> Any:
        """Whether what was played is fit to learn from; inside of the step."""
        if not isinstance(played, GraphTrajectories):
            # The host engine has checked it, and raised.
            return tf.constant(True)
        self._note_faults(played)
        return tf.equal(self._fault[0], 0)

    def learned(self, withheld: tf.Tensor) -> None:
        """Takes note of an update that was withheld; inside of the step.

        Args:
            withheld: As `gradient_steps.descend` says what was not finite.
        """
        if self._agent.on_nonfinite == "raise":
            bad = tf.where(tf.equal(withheld, 0), 0, len(FAULTS) + withheld)
            self._note(bad, 0, 0)

    def check_update(self) -> None:
        """Raises if an update on the host was withheld; called after each.

        Raises:
            RuntimeError: Naming what was not finite.
        """
        fault, iteration, *_ = self._fault.numpy().tolist()
        if fault:
            self._fault.assign(tf.zeros_like(self._fault))
            raise RuntimeError(
                f"The {_ORIGINS[fault - 1]} of iteration {iteration + 1} would "
                f"not be finite. The weights stay what they were before. {CURE}"
            )

    def _note_faults(self, played: GraphTrajectories, first: Any = 0) -> None:
        broken = played.faults > 0
        row = tf.argmax(tf.cast(broken, tf.int32))
        fault = tf.gather(played.faults, row)
        if self._agent.on_nonfinite == "skip":
            # The others go on without them, if there are others.
            fault = tf.where(tf.reduce_all(broken), fault, 0)
        self._note(
            fault,
            row + tf.cast(first, tf.int64),
            tf.gather(played.lengths, row) - 1,
        )

    def _note(self, *fault: Any) -> None:
        what, *where = (tf.cast(number, tf.int64) for number in fault)
        iteration = tf.cast(self._agent.iteration.value, tf.int64)
        self._fault.assign(
            tf.where(
                tf.equal(self._fault[0], 0),
                tf.stack([what, iteration, *where]),
                self._fault,
            )
        )
