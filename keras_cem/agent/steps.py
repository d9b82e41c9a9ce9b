"""How the steps of Keras run on each kind of source, and on arrays."""

from collections.abc import Callable, Hashable
from typing import Any, Protocol

import tensorflow as tf

from keras_cem.agent.run import JitCompile, RunningAgent
from keras_cem.agent.step_functions import (
    CollectThenStep,
    KerasFunction,
    PlayInStep,
)
from keras_cem.engines.graph.source import GraphSource
from keras_cem.engines.graph.trajectories import GraphTrajectories
from keras_cem.engines.trajectories import Played


class Steps(Protocol):
    """How the steps on one source, or on arrays, run."""

    @property
    def key(self) -> Hashable:
        """Key that tells apart the compiled functions of Keras."""

    def jit_compile(self, default: JitCompile) -> JitCompile:
        """Resolves `jit_compile="auto"`; `default` is Keras' choice."""

    def around(self, function: KerasFunction) -> KerasFunction:
        """Returns Keras' train or test function as one that plays."""


class PlayingSteps(Steps, Protocol):
    """How the steps on one source run."""

    def play(self, data: tf.Tensor | Played) -> Played:
        """Returns the trajectories of a step; called inside the step.

        Args:
            data: What Keras passes to the step: a tick, or trajectories.
        """


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
        collect: Callable[[], Played],
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

    def play(self, data: Played) -> Played:
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
        return (*self.source.key, self._xla_is_due)

    def jit_compile(self, default: JitCompile) -> bool:
        """Whether XLA compiles the steps: if it may and can."""
        del default
        agent = self._agent
        return (
            self._xla_is_due
            and not agent.run_eagerly
            and self.source.compilable(agent.acting_network())
        )

    @property
    def _xla_is_due(self) -> bool:
        return self._agent.xla_allowed and not self._agent.xla_deferred

    def around(self, function: KerasFunction) -> KerasFunction:
        """Returns Keras' function as one that plays in the graph."""
        execution, name = self._agent.graph_execution, self.source.name
        return PlayInStep(function, self._begin, lambda: execution.end(name))

    def play(self, data: tf.Tensor) -> Played:
        """Plays the trajectories of the step; `data` is the tick."""
        return self._play(self.source, data)


class OnFetched(InGraph):
    """Steps that learn in the graph from what workers play.

    Args:
        agent: The agent.
        source: The in-graph environment that workers play.
        begin: Called before each iteration.
        fetch: Function of whether XLA compiles the step. It returns the
            trajectories of the next one.
        steps_per_execution: As given to `compile`.
    """

    def __init__(
        self,
        agent: RunningAgent,
        source: GraphSource,
        begin: Callable[[], None],
        fetch: Callable[[bool], GraphTrajectories],
        steps_per_execution: int,
    ):
        super().__init__(agent, source, begin, lambda *_: fetch(False))
        self._fetch = fetch
        self._steps_per_execution = steps_per_execution

    @property
    def key(self) -> Hashable:
        """Key of all that the compiled step depends on."""
        return ("fetched", super().key)

    def around(self, function: KerasFunction) -> KerasFunction:
        """Returns Keras' function as one that fetches."""
        execution, name = self._agent.graph_execution, self.source.name
        return CollectThenStep(
            function,
            self._data,
            self._steps_per_execution,
            lambda: execution.end(name),
        )

    def _data(self) -> Any:
        """Returns the tensors of the next trajectories."""
        self._begin()
        agent = self._agent
        compiled = self.jit_compile(None)
        if not agent.jit_is_auto:
            compiled = bool(agent.jit_compile) and not agent.run_eagerly
        _, *arrays = self._fetch(compiled)
        # What is missing has no tensor.
        present = [() if each is None else each for each in arrays]
        return tf.nest.map_structure(tf.convert_to_tensor, tuple(present))

    def play(self, data: Any) -> Played:
        """Returns the trajectories, which are the data of the step."""
        played = GraphTrajectories(self.source.env, *data)

        def given(part: Any) -> Any:
            return None if isinstance(part, tuple) and not part else part

        return played._replace(
            rewards=given(played.rewards),
            places=given(played.places),
            chosen=given(played.chosen),
        )
