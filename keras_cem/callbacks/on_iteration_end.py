"""Calls a function after each iteration."""

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np

from keras_cem.callbacks.environment_callback import EnvironmentCallback


@dataclasses.dataclass(frozen=True, eq=False)
class Iteration:
    """What `OnIterationEnd` tells about an iteration.

    Attributes:
        number: n, counted from 1 since the agent was made.
        env_steps: Environment steps so far.
        returns: Returns of the K trajectories, float32 `(K,)`.
        elite_mask: Which trajectories were elite, bool `(K,)`. With elite
            steps, those with at least one elite step.
    """

    number: int
    env_steps: int
    returns: np.ndarray
    elite_mask: np.ndarray


class OnIterationEnd(EnvironmentCallback):
    """Calls a function with the returns and elites of each iteration.

    With `steps_per_execution=m`, it is called after the last of each m
    iterations.

    Args:
        function: Function of an `Iteration`.

    Raises:
        TypeError: If `function` is not callable.

    Example:

    >>> import keras_cem as cem
    >>> agent = cem.CEMAgent.from_env("CartPole-v1", hidden_units=(), seed=0)
    >>> agent.compile()
    >>> elites = []
    >>> callback = OnIterationEnd(
    ...     lambda iteration: elites.append(
    ...         iteration.returns[iteration.elite_mask]
    ...     )
    ... )
    >>> history = agent.fit(
    ...     "CartPole-v1",
    ...     engine="host",
    ...     batch_size=8,
    ...     callbacks=[callback],
    ...     verbose=0,
    ... )
    >>> len(elites[0]) == history.history["num_elites"][0]
    True
    """

    def __init__(self, function: Callable[[Iteration], object]):
        super().__init__()
        if not callable(function):
            raise TypeError(
                f"`function` must be callable. Received: function={function!r}"
            )
        self.function = function

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Calls the function."""
        execution = self.model.graph_execution
        self.function(
            Iteration(
                int(self.model.iteration),
                int(self.model.env_steps),
                np.asarray(execution.latest_returns),
                np.asarray(execution.latest_elites),
            )
        )
