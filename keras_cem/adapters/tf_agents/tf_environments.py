"""`TFEnvironment`s inside the compiled step.

An in-graph environment passes its state from step to step. A `TFEnvironment`
keeps its state in variables, so only the latest time step is passed on. Each
action depends on the previous observation, so the steps run in order.
"""

import dataclasses
import functools
import math
from collections.abc import Callable, Hashable
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf
from tf_agents.environments.tf_environment import TFEnvironment
from tf_agents.trajectories.time_step import StepType

from keras_cem import heads, spaces
from keras_cem.adapters.tf_agents.specs import Side
from keras_cem.engines import xla
from keras_cem.engines.graph.source import GraphSource
from keras_cem.engines.graph.trajectories import GraphTrajectories
from keras_cem.envs.base import Environment, Seeds
from keras_cem.envs.content import content_of

# Methods of a `TFEnvironment` that a compiled step calls.
_USED = ("_reset", "_step", "reset", "seed_rows", "step")


class Latest(NamedTuple):
    """The parts of the latest time step that the loop needs.

    Attributes:
        observations: One tensor `(B, ...)` per leaf of the observation space.
        truncated: bool `(B,)`, whether the step truncated the episode.
    """

    observations: tuple[Any, ...]
    truncated: Any


class Traced(Environment[Latest]):
    """A `TFEnvironment` with the interface of in-graph environments.

    Args:
        env: The `TFEnvironment`. If it has a method `seed_rows`, the graph
            calls the method before each `reset`. Its arguments are two uint32
            tensors `(B,)`, 64 bits per row, as in `Environment.initial`.

    Raises:
        ValueError: If a spec has no matching space.
        RuntimeError: If the environment cannot be traced.
    """

    stateful = True

    def __init__(self, env: Any):
        self.id = repr(env)
        super().__init__()
        self.env = env
        self._observations = Side(
            env.observation_spec(), "observation_spec", acts=False
        )
        self._actions = Side(env.action_spec(), "action_spec", acts=True)
        self._functions = {
            name: self._trace(name)
            for name in ("reset", "step", "seed_rows")
            if hasattr(env, name)
        }

    @property
    def observation_space(self) -> spaces.Space:
        return self._observations.space

    @property
    def action_space(self) -> spaces.Space:
        return self._actions.space

    @property
    def seeded(self) -> bool:
        """Whether the environment has `seed_rows`."""
        return "seed_rows" in self._functions

    @property
    def num_rows(self) -> int:
        """B, the batch size of the environment."""
        return int(self.env.batch_size or 1)

    @property
    def state_bytes(self) -> int:
        """Bytes that the loop keeps per row and step."""
        sizes = [
            math.prod(leaf.shape) * leaf.dtype.itemsize
            for leaf in self.observation_space.leaves
        ]
        return sum(sizes) + 1

    def initial(self, seeds: Seeds) -> Latest:
        if self.seeded:
            self._functions["seed_rows"](seeds)
        return self._latest(self._functions["reset"]())

    def transition(
        self, state: Latest, actions: Any, seeds: Seeds
    ) -> tuple[Latest, Any, Any]:
        del seeds  # The environment draws its own random numbers.
        leaves = zip(
            self.action_space.flatten(actions),
            self.action_space.leaves,
            strict=True,
        )
        packed = self.action_space.pack(
            [tf.cast(value, leaf.dtype) for value, leaf in leaves]
        )
        time_step = self._functions["step"](self._actions.to_spec(packed))
        over = self._row(time_step.step_type) == int(StepType.LAST)
        terminated = over & (self._row(time_step.discount) == 0.0)
        rewards = tf.cast(self._row(time_step.reward), tf.float32)
        return self._latest(time_step, over & ~terminated), rewards, terminated

    def truncated(self, state: Latest) -> Any:
        return state.truncated

    def observe(self, state: Latest) -> Any:
        return self.observation_space.pack(state.observations)

    @functools.cached_property
    def compilable(self) -> bool:
        """Whether XLA can compile the environment; warns if it cannot.

        The warning gives the reason.
        """

        def play() -> Any:
            zeros = tf.zeros(self.num_rows, tf.uint32)
            state = self.initial((zeros, zeros))
            actions = self.action_space.pack(
                [self._some(leaf) for leaf in self.action_space.leaves]
            )
            return self.transition(state, actions, (zeros, zeros))

        return xla.runs_compiled(play, f"the environment {self.id}")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Traced) and self.env is other.env

    def __hash__(self) -> int:
        return id(self.env)

    def __repr__(self) -> str:
        return self.id

    def _latest(self, time_step: Any, truncated: Any = None) -> Latest:
        values = self.observation_space.flatten(
            self._observations.to_space(time_step.observation)
        )
        if truncated is None:
            truncated = tf.zeros(self.num_rows, tf.bool)
        leaves = zip(values, self.observation_space.leaves, strict=True)
        seen = tuple(self._observed(value, leaf) for value, leaf in leaves)
        return Latest(seen, truncated)

    def _observed(self, value: Any, leaf: spaces.Leaf) -> tf.Tensor:
        shape = (self.num_rows, *leaf.shape)
        if not value.shape.is_compatible_with(shape):
            raise ValueError(
                f"Observations of {self.id} must have shape {shape}, "
                "according to its spec and batch size. Received: "
                f"shape={value.shape}"
            )
        return tf.ensure_shape(tf.cast(value, leaf.dtype), shape)

    def _some(self, leaf: spaces.Leaf) -> tf.Tensor:
        """Returns a batch of valid actions."""
        if isinstance(leaf, spaces.Integers):
            value = leaf.first
        elif isinstance(leaf, spaces.Box):
            value = np.clip(0.0, leaf.low, leaf.high)
        shape = (self.num_rows, *leaf.shape)
        return tf.constant(np.broadcast_to(value, shape), leaf.dtype)

    def _row(self, value: Any) -> Any:
        """Reshapes a value to one number per row, shape `(B,)`."""
        return tf.reshape(value, (self.num_rows,))

    def _trace(self, name: str) -> Callable[..., Any]:
        # With autograph, as in TF-Agents' own drivers.
        function = tf.function(getattr(self.env, name))

        def call(*args: Any) -> Any:
            try:
                return function(*args)
            except Exception as error:
                raise RuntimeError(
                    f"`{name}` of the `TFEnvironment` {self.id} raised "
                    f"{type(error).__name__} while it was traced: {error}"
                ) from error

        return call


@dataclasses.dataclass(frozen=True)
class TFEnvironmentSource(GraphSource):
    """A `TFEnvironment` of B rows, ready to be played inside a compiled step.

    K trajectories take ceil(K / B) rounds. In each round, all rows are reset
    and play one episode. The rows of the last round that count are fixed before
    it begins.
    """

    env: Traced

    @property
    def seeded(self) -> bool:
        return self.env.seeded

    @functools.cached_property
    def key(self) -> tuple[Hashable, ...]:
        # Keys are equal if the `TFEnvironment` is the same object, and neither
        # its attributes nor what its code reads have changed.
        content = content_of(self.env.env, _USED, (TFEnvironment,))
        return (content, self.batch_size, self.max_episode_steps)

    def compilable(self, policy: Any) -> bool:
        return super().compilable(policy) and self.env.compilable

    def play(
        self, policy: Any, head: heads.Head, *, first: Any = 0, **options: Any
    ) -> GraphTrajectories:
        """Plays K episodes; call it inside a compiled function.

        Args:
            policy: As in `GraphSource.play`.
            head: As in `GraphSource.play`.
            first: Number of the first trajectory. Defaults to `0`.
            **options: Further arguments of `GraphSource.play`.
        """
        rows = self.env.num_rows
        one_round = GraphSource(self.env, rows, self.max_episode_steps)

        def play_round(number: Any) -> dict[str, Any]:
            start = tf.cast(first, tf.int32) + number * rows
            played = one_round.play(policy, head, first=start, **options)
            return {
                name: value
                for name, value in played._asdict().items()
                if name != "env" and value is not None
            }

        rounds = _stack(play_round, -(-self.batch_size // rows))
        return self._join(**rounds)

    def _join(
        self,
        *,
        states: Any,
        actions: Any,
        rewards: Any = None,
        **of_trajectories: tf.Tensor,
    ) -> GraphTrajectories:
        """Joins rounds, stacked along the first axis R, into one batch."""

        def of_rows(leaf: tf.Tensor) -> tf.Tensor:
            """Reshapes `(R, B, ...)` to `(K, ...)`."""
            return tf.reshape(leaf, (-1, *leaf.shape[2:]))[: self.batch_size]

        def of_steps(leaf: tf.Tensor) -> tf.Tensor:
            """Reshapes `(R, T, B, ...)` to `(T, K, ...)`."""
            shape = (leaf.shape[1], leaf.shape[0] * leaf.shape[2])
            rest = leaf.shape[3:]
            leaf = tf.experimental.numpy.swapaxes(leaf, 0, 1)
            return tf.reshape(leaf, (*shape, *rest))[:, : self.batch_size]

        return GraphTrajectories(
            env=self.env,
            states=tf.nest.map_structure(of_steps, states),
            actions=tf.nest.map_structure(of_steps, actions),
            rewards=None if rewards is None else of_steps(rewards),
            **tf.nest.map_structure(of_rows, of_trajectories),
        )


def _stack(function: Callable[[Any], Any], times: int) -> Any:
    """Calls a function with 0, 1, ... in order, and stacks the results."""
    if times == 1:
        once = function(tf.constant(0))
        return tf.nest.map_structure(lambda leaf: leaf[tf.newaxis], once)
    traced = tf.function(function, autograph=False).get_concrete_function(
        tf.TensorSpec((), tf.int32)
    )
    return tf.map_fn(
        function,
        tf.range(times),
        fn_output_signature=tf.nest.map_structure(
            lambda leaf: tf.TensorSpec(leaf.shape, leaf.dtype),
            traced.structured_outputs,
        ),
        parallel_iterations=1,
    )
