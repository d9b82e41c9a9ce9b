"""One call of `fit` or `evaluate` on an environment."""

import contextlib
import dataclasses
import pathlib
from collections.abc import Callable, Iterator
from typing import Any, Protocol

import keras
import tensorflow as tf

from keras_cem.agent import (
    building,
    critics,
    deferred_xla,
    fit_arguments,
    fit_callbacks,
    fit_checks,
)
from keras_cem.agent.building import BuiltAgent
from keras_cem.agent.fit_arguments import FitArguments
from keras_cem.agent.graph_execution import GraphAgent, GraphExecution, Schedule
from keras_cem.agent.metrics import TestMetrics, TrainMetrics
from keras_cem.agent.opening import (
    DEFAULT_BATCH_SIZE,
    PlayingAgent,
    open_playable,
    open_recorded,
    with_workers,
)
from keras_cem.agent.step_functions import (
    KerasFunction,
    ticks,
    training_ticks,
)
from keras_cem.algorithm import weight_averages
from keras_cem.engines import sources
from keras_cem.engines.host.environment import EpisodeError
from keras_cem.engines.player import Player
from keras_cem.engines.playing import Playing, refuse_given
from keras_cem.engines.recorded.source import is_recorded
from keras_cem.engines.trajectories import Chosen
from keras_cem.saving import resuming
from keras_cem.saving.epoch_progress import EpochProgress
from keras_cem.utils import keras_internals

# As given to `compile`.
JitCompile = bool | str | None


class RunningAgent(GraphAgent, BuiltAgent, Protocol):
    """What training and testing need of an agent."""

    jit_compile: JitCompile
    jit_is_auto: bool
    run_eagerly: bool
    xla_allowed: bool
    xla_deferred: bool
    test_function: KerasFunction | None
    train_metrics: TrainMetrics
    test_metrics: TestMetrics
    made_under: str | None

    @property
    def run(self) -> "Run | None":
        """The running `fit` or `evaluate` on an environment, if any."""

    @property
    def graph_execution(self) -> GraphExecution:
        """State that compiled steps share with Python."""

    def get_metrics_result(self) -> dict[str, Any]:
        """Returns the metrics of playing by name."""

    def describe_network(self) -> dict[str, str]:
        """Returns how the network encodes each input."""


@dataclasses.dataclass
class Run:
    """One call of `fit` or `evaluate` on an environment.

    Attributes:
        player: Plays with the agent's policy.
        stream: Random stream of the evaluation, a constant of `prng`.
        testing: Whether episodes are evaluated now, not learned from.
        train: What `fit` learns from.
        test: What is evaluated.
        batch_size: K, the number of trajectories per iteration.
        test_batch_size: Number of episodes per batch of the evaluation.
        schedule: Function of the number of iterations that returns epsilon, or
            None if epsilon stays.
        tested: Number of episodes evaluated so far.
        callbacks: Callbacks of `fit`, in call order.
        resume_from: Folder of checkpoints from which `fit` resumes.
        validation_ticks: Data that Keras' `fit` gets for validation.
        during: Context managers that callbacks enter. They exit when `fit`
            ends.
        progress: The `EpochProgress` of the epoch, or None if no callback
            needs it.
        workers: Ends the workers of this call.
        choose: Compiled function that chooses elites, if workers play.
    """

    player: Player
    stream: int
    testing: bool = False
    train: sources.Source | None = None
    test: sources.Playable | None = None
    batch_size: int = DEFAULT_BATCH_SIZE
    test_batch_size: int = DEFAULT_BATCH_SIZE
    schedule: Schedule | None = None
    tested: int = 0
    callbacks: list[keras.callbacks.Callback] = dataclasses.field(
        default_factory=list
    )
    resume_from: pathlib.Path | None = None
    validation_ticks: tf.data.Dataset | None = None
    during: contextlib.ExitStack = dataclasses.field(
        default_factory=contextlib.ExitStack
    )
    progress: EpochProgress | None = None
    workers: contextlib.ExitStack = dataclasses.field(
        default_factory=contextlib.ExitStack
    )
    choose: Callable[[tf.Tensor], Chosen] | None = None

    @property
    def num_env_restarts(self) -> int:
        """Number of times that a sub-environment was restarted."""
        return sum(
            source.num_env_restarts
            for source in (self.train, self.test)
            if source is not None
        )

    def is_validation(self, x: object) -> bool:
        """Whether Keras' `fit` evaluates on `x` for validation."""
        return self.validation_ticks is not None and x is self.validation_ticks

    @contextlib.contextmanager
    def validating(self) -> Iterator[None]:
        """Evaluates now, and learns again afterwards."""
        self.testing, self.tested = True, 0
        try:
            yield
        finally:
            self.testing = False

    @contextlib.contextmanager
    def closing(self) -> Iterator[None]:
        """Closes the environments at the end, however it comes."""
        try:
            with self.during:
                yield
        except EpisodeError as error:
            # Keras' traceback filter drops the cause (keras 3.15,
            # traceback_utils.py).
            raise error from error.cause
        finally:
            with contextlib.ExitStack() as closing:
                closing.enter_context(self.workers)
                # Close all sources, even if closing one fails or is
                # interrupted.
                for source in (self.test, self.train):
                    if source is not None:
                        closing.callback(source.close)

    def begin_fit(
        self, agent: RunningAgent, arguments: FitArguments
    ) -> dict[str, Any]:
        """Opens the environments and prepares the agent to learn from them.

        Args:
            agent: The agent.
            arguments: Arguments of `fit`.

        Returns:
            Arguments of Keras' `fit`.

        Raises:
            ValueError: If an environment does not fit the agent, or the agent
                cannot learn.
        """
        self.callbacks = fit_callbacks.arrange(
            arguments.callbacks, arguments.verbose
        )
        playing = with_workers(arguments.playing, self.workers)
        arguments = dataclasses.replace(arguments, playing=playing)
        source = self._open_train(agent, arguments)
        if agent.critic is not None and agent.discount == 1.0:
            limit = source.max_episode_steps
            self.callbacks.insert(0, critics.WarnIfEndless(limit))
        if source.counts():
            self.callbacks.insert(0, fit_callbacks.LogCounts(source))
        building.prepare(agent, source, self.batch_size)
        agent.graph_execution.begin_fit(self.batch_size)
        if arguments.validation_data is not None:
            fit_arguments.check_validation(arguments.validation_data)
            self.open_test(
                agent,
                arguments.validation_data,
                arguments.validation_batch_size or self.batch_size,
                arguments.playing,
                argument="validation_data",
            )
            self.validation_ticks = ticks(arguments.validation_steps or 1)
        fit_checks.check_can_learn(agent)
        critics.build_optimizers(agent)
        weight_averages.begin(agent.optimizer)
        fit_checks.check_finite(agent)
        keras_internals.clear_initial_epoch(agent)
        deferred_xla.begin(agent, self.batch_size, self.callbacks)
        resumed = self._resume(agent, arguments)
        if arguments.verbose:
            fit_callbacks.say_network(agent.describe_network())
        return {
            **training_ticks(arguments.steps, agent.steps_per_execution),
            **arguments.loop(),
            "callbacks": self.callbacks,
            "validation_data": self.validation_ticks,
            "shuffle": False,
            **resumed,
        }

    def _open_train(
        self, agent: PlayingAgent, arguments: FitArguments
    ) -> sources.Source:
        x, batch_size = arguments.x, arguments.batch_size
        if is_recorded(x):
            if arguments.validation_data is None:
                refuse_given(arguments.playing)
            recorded = open_recorded(agent, x, batch_size)
            self.train, self.batch_size = recorded, recorded.batch_size
            return recorded
        self.batch_size = batch_size or DEFAULT_BATCH_SIZE
        playable = open_playable(agent, x, self.batch_size, arguments.playing)
        self.train = playable
        return playable

    def open_test(
        self,
        agent: PlayingAgent,
        x: object,
        batch_size: int,
        playing: Playing,
        argument: str = "x",
    ) -> None:
        """Opens an environment to evaluate on.

        Args:
            agent: The agent.
            x: Environment.
            batch_size: Number of episodes per batch.
            playing: Arguments of playing.
            argument: Name of the caller's argument. Defaults to `"x"`.
        """
        self.test_batch_size = batch_size
        playing = with_workers(playing, self.workers)
        self.test = open_playable(agent, x, batch_size, playing, argument)

    def _resume(
        self, agent: RunningAgent, arguments: FitArguments
    ) -> dict[str, Any]:
        """Restores a training, and returns the changed arguments of `fit`."""
        if arguments.resume_from is None:
            return {}
        self.resume_from = directory = arguments.checkpoints()
        state = resuming.resume(agent, directory, self.callbacks)
        if state is None:
            return {}
        arguments.check_resumed(state, agent.steps_per_execution)
        restored = resuming.Restored(state, self.callbacks)
        return {
            "callbacks": [*self.callbacks, restored],
            "initial_epoch": (
                arguments.epochs if state.stopped else state.epochs
            ),
        }
