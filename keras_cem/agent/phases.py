"""Training and testing: how each kind of source makes Keras' steps play.

A source chooses how it is played. On the host, each step replaces an empty tick
by freshly played trajectories. In the graph, the step itself plays. On arrays,
the steps are Keras' own.
"""

import abc
import contextlib
from collections.abc import Callable, Hashable, Iterator

import tensorflow as tf

from keras_cem import prng
from keras_cem.agent.run import RunningAgent, running
from keras_cem.agent.step_functions import (
    CollectThenStep,
    FunctionPerSource,
    JitCompile,
    KerasFunction,
    PlayingSteps,
    PlayInStep,
    Repeating,
    Steps,
)
from keras_cem.engines.graph.source import GraphSource
from keras_cem.engines.host.source import HostSource
from keras_cem.engines.recorded.source import RecordedSource
from keras_cem.engines.sources import Playable, Source
from keras_cem.engines.trajectories import Played, Trajectories


class OnArrays:
    """Keras' own steps."""

    key = "arrays"

    def jit_compile(self, default: JitCompile) -> JitCompile:
        """Returns Keras' choice."""
        return default

    def around(self, function: KerasFunction) -> KerasFunction:
        """Returns the function itself."""
        return function


class OnCollected:
    """Steps on trajectories that are played or read before each step.

    Args:
        key: Kind of the source.
        collect: Returns the trajectories of the next step.
        steps_per_execution: As given to `compile`.
        check: Called after each step. Defaults to `None`.
    """

    def __init__(
        self,
        key: str,
        collect: Callable[[], Trajectories],
        steps_per_execution: int,
        check: Callable[[], None] | None = None,
    ):
        self.key = key
        self._collect = collect
        self._steps_per_execution = steps_per_execution
        self._check = check

    def jit_compile(self, default: JitCompile) -> JitCompile:
        """Returns Keras' choice."""
        return default

    def around(self, function: KerasFunction) -> KerasFunction:
        """Returns Keras' function as one that collects."""
        return CollectThenStep(
            function,
            lambda: tf.nest.map_structure(
                tf.convert_to_tensor, self._collect()
            ),
            self._steps_per_execution,
            self._check,
        )

    def play(self, data: Trajectories) -> Played:
        """Returns the trajectories, which are the data of the step."""
        return data


class InGraph:
    """Steps that play in the graph.

    Args:
        agent: The agent.
        source: The environment.
        begin: Called before each execution.
        play: Function of the source and the tick. It is called in the step and
            returns the trajectories.
    """

    def __init__(
        self,
        agent: RunningAgent,
        source: GraphSource,
        begin: Callable[[], None],
        play: Callable[[GraphSource, tf.Tensor], Played],
    ):
        self._agent = agent
        self.source = source
        self._begin = begin
        self._play = play

    @property
    def key(self) -> Hashable:
        """Key of all that the compiled step depends on."""
        return (*self.source.key, self._agent.xla_allowed)

    def jit_compile(self, default: JitCompile) -> bool:
        """Whether XLA compiles the steps: if it may and can."""
        del default
        agent = self._agent
        return (
            agent.xla_allowed
            and not agent.run_eagerly
            and self.source.compilable(agent.acting_network())
        )

    def around(self, function: KerasFunction) -> KerasFunction:
        """Returns Keras' function as one that plays in the graph."""
        execution, name = self._agent.graph_execution, self.source.name
        return PlayInStep(function, self._begin, lambda: execution.end(name))

    def play(self, data: tf.Tensor) -> Played:
        """Plays the trajectories of the step; `data` is the tick."""
        return self._play(self.source, data)


class Phase(abc.ABC):
    """Training or testing.

    Args:
        agent: The agent. Its running `fit` or `evaluate` has the source.
    """

    def __init__(self, agent: RunningAgent):
        self._agent = agent

    @property
    @abc.abstractmethod
    def source(self) -> Source | None:
        """The source that this phase plays, None on arrays."""

    @property
    @abc.abstractmethod
    def playing(self) -> PlayingSteps | None:
        """How the steps on the source run, None on arrays."""

    @property
    def steps(self) -> Steps:
        """How the steps run."""
        return self.playing or OnArrays()

    @property
    @abc.abstractmethod
    def function(self) -> KerasFunction | None:
        """Keras' present function of this phase, or None."""

    @function.setter
    @abc.abstractmethod
    def function(self, function: KerasFunction) -> None:
        """Sets it."""

    def make_function(self, make: Callable[..., None], force: bool) -> None:
        """Sets Keras' function to one for the present source.

        Functions are kept from one `fit` to the next. `compile` drops them.

        Args:
            make: Keras' method that makes its function.
            force: Whether to drop the present functions.
        """
        functions = self.function
        if force or not isinstance(functions, FunctionPerSource):
            functions = FunctionPerSource(lambda: self.steps.key, self.around)
        steps = self.steps

        def made() -> KerasFunction:
            with self._jit(steps):
                make(force=True)
            function = self.function
            if function is None:
                raise RuntimeError("Keras made no function.")
            return function

        functions.functions.get(steps.key, made)
        self.function = functions

    def around(self, function: KerasFunction) -> KerasFunction:
        """Returns Keras' function as one that plays the present source."""
        return self.steps.around(function)

    @contextlib.contextmanager
    def _jit(self, steps: Steps) -> Iterator[None]:
        """Resolves `jit_compile="auto"`."""
        agent = self._agent
        before = agent.jit_compile
        if agent.jit_is_auto:
            agent.jit_compile = steps.jit_compile(before)
        try:
            yield
        finally:
            agent.jit_compile = before


class Training(Phase):
    """Steps that learn."""

    @property
    def source(self) -> Source | None:
        """The source that `fit` learns from, None on arrays."""
        run = self._agent.run
        return None if run is None else run.train

    @property
    def function(self) -> KerasFunction | None:
        """Keras' present `train_function`, or None."""
        return self._agent.train_function

    @function.setter
    def function(self, function: KerasFunction) -> None:
        self._agent.train_function = function

    @property
    def playing(self) -> PlayingSteps | None:
        """How the steps on the source run, None on arrays."""
        source = self.source
        return None if source is None else source.step_function(self)

    def around(self, function: KerasFunction) -> KerasFunction:
        """Returns Keras' function as one that plays.

        It skips the executions that were done before a resume.
        """
        playing, run = super().around(function), self._agent.run
        if run is None:
            return playing
        return Repeating(
            playing, lambda: run.progress, self._agent.get_metrics_result
        )

    def collect_then_step(self, source: HostSource) -> PlayingSteps:
        """Plays an iteration before each step."""
        agent = self._agent

        def play() -> Trajectories:
            self._follow_schedule()
            run = running(agent)
            played = run.player.play(
                source,
                run.batch_size,
                prng.TRAINING_RESETS,
                epsilon=float(agent.epsilon),
                groups=agent.groups,
            )
            agent.train_metrics.env_restarts.update_state(run.num_env_restarts)
            if agent.memory is not None:
                agent.memory.grow(played.rewards.shape[1])
            return played

        return self._on_collected("host", play)

    def read_then_step(self, source: RecordedSource) -> PlayingSteps:
        """Reads an iteration before each step."""
        agent = self._agent

        def read() -> Trajectories:
            self._follow_schedule()
            return source.read(agent.seed, int(agent.iteration))

        return self._on_collected("recorded", read)

    def play_in_step(self, source: GraphSource) -> PlayingSteps:
        """Plays an iteration inside each step."""
        agent = self._agent
        return InGraph(
            agent,
            source,
            lambda: agent.graph_execution.begin_training(
                running(agent).schedule, agent.steps_per_execution
            ),
            lambda source, _: agent.graph_execution.play_for_training(source),
        )

    def _on_collected(
        self, key: str, collect: Callable[[], Trajectories]
    ) -> PlayingSteps:
        agent = self._agent
        return OnCollected(
            key,
            collect,
            agent.steps_per_execution,
            agent.graph_execution.check_update,
        )

    def _follow_schedule(self) -> None:
        agent = self._agent
        schedule = running(agent).schedule
        if schedule is not None:
            epsilon = schedule(int(agent.iteration))
            # Check before the assignment: a weight keeps its value when this
            # `fit` fails.
            agent.head.check_epsilon(epsilon)
            agent.epsilon.assign(epsilon)


class Testing(Phase):
    """Steps that evaluate the greedy policy."""

    @property
    def source(self) -> Playable | None:
        """The environment to evaluate on, None on arrays."""
        run = self._agent.run
        return None if run is None else run.test

    @property
    def function(self) -> KerasFunction | None:
        """Keras' present `test_function`, or None."""
        return self._agent.test_function

    @function.setter
    def function(self, function: KerasFunction) -> None:
        self._agent.test_function = function

    @property
    def playing(self) -> PlayingSteps | None:
        """How the steps on the source run, None on arrays."""
        source = self.source
        return None if source is None else source.step_function(self)

    def collect_then_step(self, source: HostSource) -> PlayingSteps:
        """Plays a batch before each step."""
        agent = self._agent

        def play() -> Trajectories:
            run = running(agent)
            size, first = run.test_batch_size, run.tested
            run.tested += size
            return run.player.play(
                source, size, run.stream, epsilon=None, first=first
            )

        return OnCollected("host", play, agent.steps_per_execution)

    def play_in_step(self, source: GraphSource) -> PlayingSteps:
        """Plays a batch inside each step."""
        agent = self._agent
        return InGraph(
            agent,
            source,
            lambda: agent.graph_execution.begin_testing(running(agent).stream),
            agent.graph_execution.play_for_testing,
        )
