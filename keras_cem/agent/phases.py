"""Training and testing: how each kind of source makes Keras' steps play.

A source chooses how it is played. On the host, each step replaces an empty tick
by freshly played trajectories. In the graph, the step itself plays. On arrays,
the steps are Keras' own.
"""

from collections.abc import Callable

from keras_cem import prng
from keras_cem.agent import played_remotely
from keras_cem.agent.phase import Phase
from keras_cem.agent.running import running
from keras_cem.agent.step_functions import (
    KerasFunction,
    Repeating,
)
from keras_cem.agent.steps import (
    InGraph,
    OnCollected,
    OnFetched,
    PlayingSteps,
)
from keras_cem.algorithm import iteration
from keras_cem.engines.graph.source import GraphSource
from keras_cem.engines.host.source import HostSource
from keras_cem.engines.recorded.source import RecordedSource
from keras_cem.engines.remote.source import RemoteSource
from keras_cem.engines.sources import Playable, Source
from keras_cem.engines.summed import summed
from keras_cem.engines.trajectories import Played


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

        def play() -> Played:
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
            return summed(played, agent.discount)

        return self._on_collected("host", play)

    def fetch_then_step(self, source: RemoteSource) -> PlayingSteps:
        """Lets workers play an iteration before each step."""
        agent, graph = self._agent, source.graph
        if graph is not None:
            return self._on_fetched(source, graph)
        return self._on_collected(
            "remote",
            lambda: played_remotely.for_training(agent, running(agent), source),
        )

    def _on_fetched(
        self, source: RemoteSource, graph: GraphSource
    ) -> PlayingSteps:
        agent = self._agent

        def begin() -> None:
            agent.graph_execution.begin_training(None, 1)
            self._follow_schedule()

        return OnFetched(
            agent,
            graph,
            begin,
            lambda jit_compile: played_remotely.for_training_in_graph(
                agent, running(agent), source, graph, jit_compile
            ),
            agent.steps_per_execution,
        )

    def read_then_step(self, source: RecordedSource) -> PlayingSteps:
        """Reads an iteration before each step."""
        agent = self._agent

        def read() -> Played:
            played = source.read(agent.seed, int(agent.iteration))
            return summed(played, agent.discount)

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
        self, key: str, collect: Callable[[], Played]
    ) -> PlayingSteps:
        agent = self._agent

        def collected() -> Played:
            self._follow_schedule()
            return collect()

        return OnCollected(
            key,
            collected,
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

    def fetch_then_step(self, source: RemoteSource) -> PlayingSteps:
        """Lets workers play a batch before each step."""
        agent = self._agent
        return OnCollected(
            "remote",
            lambda: played_remotely.for_testing(agent, running(agent), source),
            agent.steps_per_execution,
        )

    def play_in_step(self, source: GraphSource) -> PlayingSteps:
        """Plays a batch inside each step."""
        agent = self._agent
        return InGraph(
            agent,
            source,
            lambda: agent.graph_execution.begin_testing(running(agent).stream),
            agent.graph_execution.play_for_testing,
        )
