"""Plays with an agent's policy in the graph, compiled once per environment."""

from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from keras_cem.engines.graph.source import GraphSource
from keras_cem.engines.graph.trajectories import GraphTrajectories
from keras_cem.engines.host.environment import EpisodeError
from keras_cem.engines.policies import ActingAgent
from keras_cem.engines.returns import constant_discount
from keras_cem.engines.trajectories import Trajectories
from keras_cem.engines.wanted import Wanted
from keras_cem.utils import nonfinite
from keras_cem.utils.recent import Recent


class GraphPlayer:
    """Plays episodes of in-graph environments with an agent's policy.

    Args:
        agent: A built `CEMAgent`.
    """

    def __init__(self, agent: ActingAgent):
        self._agent = agent
        self._functions = Recent()

    def forget(self) -> None:
        """Drops the compiled functions, because the policy may have changed."""
        self._functions.clear()

    def play(self, source: GraphSource, wanted: Wanted) -> Trajectories:
        """Plays whole episodes inside a compiled function.

        Args:
            source: The environment.
            wanted: Which episodes.

        Returns:
            `Trajectories` of NumPy arrays.
        """
        numbers = tf.constant(
            [wanted.seed, wanted.iteration, wanted.first], tf.int64
        )
        function = self._function(source, wanted)
        played, faults = function(
            numbers, tf.constant(wanted.epsilon or 0.0, tf.float32)
        )
        # The last part of an iteration may be smaller than the compiled one.
        arrays: Trajectories = tf.nest.map_structure(
            lambda leaf: leaf.numpy()[: wanted.size], played
        )
        self._check_faults(
            source, arrays, faults.numpy()[: wanted.size], wanted.first
        )
        return arrays

    def play_states(
        self,
        source: GraphSource,
        wanted: Wanted,
        discount: float,
        *,
        store_rewards: bool,
        jit_compile: bool,
    ) -> GraphTrajectories:
        """Plays whole episodes for steps that learn in the graph.

        Args:
            source: The environment.
            wanted: Which episodes.
            discount: Discount of the returns that rank.
            store_rewards: Whether to store rewards and the states after the
                last steps.
            jit_compile: Whether to compile with XLA.

        Returns:
            `GraphTrajectories` of NumPy arrays, by trajectory.
        """
        agent = self._agent

        def make() -> Callable[..., Any]:
            @tf.function(autograph=False, jit_compile=jit_compile)
            def function(numbers: tf.Tensor, epsilon: tf.Tensor) -> Any:
                _, *arrays = source.play(
                    agent.acting_network(),
                    agent.head,
                    numbers=(numbers[0], wanted.stream, numbers[1]),
                    epsilon=epsilon,
                    first=numbers[2],
                    groups=wanted.groups,
                    discount=constant_discount(discount),
                    store_rewards=store_rewards,
                ).in_order()
                return arrays

            compiled: Callable[..., Any] = function
            return compiled

        key = (source.key, "states", wanted.stream, wanted.groups)
        function = self._functions.get(
            (*key, discount, store_rewards, jit_compile), make
        )
        numbers = tf.constant(
            [wanted.seed, wanted.iteration, wanted.first], tf.int64
        )
        arrays = function(numbers, tf.constant(wanted.epsilon, tf.float32))
        played = GraphTrajectories(
            source.env,
            *tf.nest.map_structure(
                lambda leaf: None if leaf is None else leaf.numpy(), arrays
            ),
        )
        return played.first(wanted.size)

    def _function(
        self, source: GraphSource, wanted: Wanted
    ) -> Callable[..., tuple[Any, tf.Tensor]]:
        agent, explore = self._agent, wanted.epsilon is not None
        if wanted.epsilon is not None:
            agent.head.check_epsilon(wanted.epsilon)

        def make() -> Callable[..., tuple[Any, tf.Tensor]]:
            @tf.function(
                autograph=False,
                jit_compile=source.compilable(agent.acting_network()),
            )
            def function(
                numbers: tf.Tensor, epsilon: tf.Tensor
            ) -> tuple[Trajectories, tf.Tensor]:
                played = source.play(
                    agent.acting_network(),
                    agent.head,
                    numbers=(numbers[0], wanted.stream, numbers[1]),
                    epsilon=epsilon if explore else None,
                    first=numbers[2],
                    groups=wanted.groups,
                    store_rewards=True,
                )
                return played.to_trajectories(), played.faults

            compiled: Callable[..., tuple[Any, tf.Tensor]] = function
            return compiled

        key = (source.key, wanted.stream, explore, wanted.groups)
        function: Callable[..., tuple[Any, tf.Tensor]]
        function = self._functions.get(key, make)
        return function

    def _check_faults(
        self,
        source: GraphSource,
        played: Trajectories,
        faults: np.ndarray,
        first: int,
    ) -> None:
        bad = np.flatnonzero(faults == nonfinite.Fault.OUTSIDE)
        skip = self._agent.on_nonfinite == nonfinite.SKIP
        if not bad.size:
            bad = np.flatnonzero(faults)
            if not bad.size or (skip and bad.size < len(faults)):
                return
        fault = nonfinite.Fault(faults[bad[0]])
        error = EpisodeError(
            f"The {fault.what} is {fault.wrong}. "
            f"Environment {source.name}, trajectory {first + bad[0]}, "
            f"step {played.lengths[bad[0]] - 1}."
        )
        if skip and fault is not nonfinite.Fault.OUTSIDE:
            error.played = played
        raise error
