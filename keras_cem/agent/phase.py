"""What training and testing have in common."""

import abc
import contextlib
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from keras_cem.agent.run import RunningAgent
from keras_cem.agent.step_functions import (
    FunctionPerSource,
    KerasFunction,
)
from keras_cem.agent.steps import (
    OnArrays,
    PlayingSteps,
    Steps,
)
from keras_cem.engines.sources import Source
from keras_cem.engines.trajectories import Played

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
