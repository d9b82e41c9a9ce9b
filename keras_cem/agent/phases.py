"""Training and testing: how each kind of source makes Keras' steps play.

A source chooses how it is played. On the host, each step replaces an empty tick
by freshly played trajectories. In the graph, the step itself plays. On arrays,
the steps are Keras' own.
"""

import abc
import contextlib
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from keras_cem import prng
from keras_cem.agent.run import RunningAgent
from keras_cem.agent.running import running
from keras_cem.agent.step_functions import (
    FunctionPerSource,
    KerasFunction,
    Repeating,
)
from keras_cem.agent.steps import (
    InGraph,
    OnArrays,
    OnCollected,
    PlayingSteps,
    Steps,
)
from keras_cem.algorithm import iteration
from keras_cem.engines.graph.source import GraphSource
from keras_cem.engines.host.source import HostSource
from keras_cem.engines.recorded.source import RecordedSource
from keras_cem.engines.sources import Playable, Source
from keras_cem.engines.summed import summed
from keras_cem.engines.trajectories import Played, Trajectories

Data = TypeVar("Data")
Logs = dict[str, Any]


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

    @abc.abstractmethod
    def take(self, play: Callable[[], Played]) -> None:
        """Takes a step on the trajectories that `play` returns."""

    def step(self, data: Data, on_arrays: Callable[[Data], Logs]) -> Logs:
        """Takes a step; called inside Keras' function.

        Args:
            data: What Keras passes to the step.
            on_arrays: Keras' own step.

        Returns:
            The logs.
        """
        playing = self.playing
        if playing is None:
            return on_arrays(data)
        self.take(lambda: playing.play(data))
        return self._agent.get_metrics_result()

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

    def take(self, play: Callable[[], Played]) -> None:
        """Takes one iteration of the method."""
        iteration.iterate(self._agent, play)

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
            lambda: summed(collect(), agent.discount),
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

    def take(self, play: Callable[[], Played]) -> None:
        """Updates the metrics from a batch."""
        self._agent.test_metrics.update(play())

    def collect_then_step(self, source: HostSource) -> PlayingSteps:
        """Plays a batch before each step."""
        agent = self._agent

        def play() -> Played:
            run = running(agent)
            size, first = run.test_batch_size, run.tested
            run.tested += size
            played = run.player.play(
                source, size, run.stream, epsilon=None, first=first
            )
            return summed(played, discount=1.0)

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
