"""Rollouts inside the compiled step: K episodes of an in-graph environment.

All random numbers are keyed by (seed, iteration, trajectory, step). So results
depend neither on `steps_per_execution` nor on when the loop ends.
"""

import dataclasses
import functools
from collections.abc import Hashable
from typing import Any, ClassVar, Protocol, TypeVar

import tensorflow as tf

from keras_cem import heads, spaces
from keras_cem.engines.graph import memory_estimate, slots
from keras_cem.engines.graph.loop import GraphLoop
from keras_cem.engines.graph.trajectories import GraphTrajectories
from keras_cem.engines.groups import NO_GROUPS, Groups, check_starts
from keras_cem.engines.policies import Policy
from keras_cem.engines.trajectories import STEP_BYTES, Trajectories
from keras_cem.engines.wanted import Wanted
from keras_cem.engines.xla import compilable
from keras_cem.envs.base import Environment
from keras_cem.envs.content import key_of
from keras_cem.utils import devices
from keras_cem.utils.tensors import Integer

Made_co = TypeVar("Made_co", covariant=True)


class PlaysInGraph(Protocol):
    """A player of this kind of source."""

    def play_in_graph(
        self, source: "GraphSource", wanted: Wanted
    ) -> Trajectories:
        """Returns the episodes that it plays."""


class PlaysInStep(Protocol[Made_co]):
    """Makes something for steps that play in the graph."""

    def play_in_step(self, source: "GraphSource") -> Made_co:
        """Returns it for steps that play the episodes themselves."""


@dataclasses.dataclass(frozen=True)
class GraphSource:
    """An in-graph environment, ready to be played inside a compiled step.

    Attributes:
        env: The environment.
        batch_size: K, the number of episodes.
        max_episode_steps: T. Every episode is truncated after T steps.
        fuse: Whether `keras_cem.engines.graph.fused_dense` computes small
            dense layers. None uses it on a GPU only.
        num_envs: Number of trajectories played at once, at most K. None
            chooses it, see `slots.default_number`.
        num_env_restarts: 0, because nothing restarts in the graph.
    """

    num_env_restarts: ClassVar[int] = 0

    env: Environment[Any]
    batch_size: int
    max_episode_steps: int
    fuse: bool | None = None
    num_envs: int | None = None

    @property
    def name(self) -> str:
        """Name of the environment for error messages."""
        return self.env.id

    @property
    def observation_space(self) -> spaces.Space:
        """Space of one observation."""
        return self.env.observation_space

    @property
    def action_space(self) -> spaces.Space:
        """Space of one action."""
        return self.env.action_space

    @property
    def seeded(self) -> bool:
        """Whether equal seeds give equal start states."""
        return True

    @property
    def first_steps(self) -> int:
        """Steps to which trajectories are padded: always to the limit."""
        return self.max_episode_steps

    @property
    def num_slots(self) -> int:
        """M, the number of trajectories that are played at once."""
        if self.num_envs is None:
            return slots.default_number(self.batch_size, self.env)
        return min(self.num_envs, self.batch_size)

    @property
    def num_stored(self) -> int:
        """Largest number of steps that an iteration stores."""
        return self.num_slots * slots.max_time(
            self.batch_size, self.num_slots, self.max_episode_steps
        )

    @functools.cached_property
    def key(self) -> tuple[Hashable, ...]:
        """Key of all that a compiled step depends on, fixed at first use."""
        return (
            key_of(self.env),
            self.batch_size,
            self.max_episode_steps,
            self.fuse,
            self.num_envs,
        )

    def compilable(self, policy: Policy) -> bool:
        """Whether XLA can compile a policy for it; warns if it cannot."""
        return compilable(policy, self.observation_space, self.batch_size)

    def play(
        self,
        policy: Policy,
        head: heads.Head,
        *,
        numbers: tuple[Integer, Integer, Integer],
        epsilon: tf.Tensor | None,
        first: Integer = 0,
        store: bool = True,
        store_rewards: bool = False,
        groups: Groups = NO_GROUPS,
        discount: tf.Tensor | None = None,
    ) -> GraphTrajectories:
        """Plays K episodes; called inside a compiled function.

        Args:
            policy: Callable layer from observations to outputs.
            head: Head of the action space.
            numbers: Seed, random stream of the resets, and iteration.
            epsilon: Amount of exploration; None acts greedily.
            first: Number of the first trajectory. Defaults to `0`.
            store: Whether to store states and actions. Defaults to `True`.
            store_rewards: Whether to store rewards and the states after the
                last steps. Defaults to `False`.
            groups: Groups of trajectories; no groups if not given.
            discount: float64 scalar, the discount for `discounted`. Defaults
                to `None`: `discounted` equals `returns`.
        """
        fuse = devices.has_gpu() if self.fuse is None else self.fuse
        loop = GraphLoop(
            self.env, policy, head, numbers, epsilon, groups, discount, fuse
        )
        return loop.run(
            tf.cast(first, tf.uint32)
            + tf.cast(tf.range(self.batch_size), tf.uint32),
            self.num_slots,
            self.max_episode_steps,
            store,
            store_rewards,
        )

    def played_by(self, player: PlaysInGraph, wanted: Wanted) -> Trajectories:
        """Returns the episodes that a player plays in the graph."""
        return player.play_in_graph(self, wanted)

    def step_function(self, steps: PlaysInStep[Made_co]) -> Made_co:
        """Returns what `steps` makes for a source that plays in the step."""
        return steps.play_in_step(self)

    def playable(self) -> "GraphSource":
        """Returns the source itself, because it can be played."""
        return self

    def first_observations(self) -> None:
        """None: the graph computes observations in a compiled step only."""

    def check_groups(
        self, episodes_per_start: int | None, episodes_per_policy: int | None
    ) -> None:
        """Refuses groups that it cannot play.

        Raises:
            ValueError: If a start cannot be shared.
        """
        del episodes_per_policy
        check_starts(episodes_per_start, self.name, seeded=self.seeded)

    def check_size(self, batch_size: int) -> None:
        """Nothing to refuse: the adapter checks the size when it opens it.

        Args:
            batch_size: K, the number of trajectories.
        """

    def check_steps(self, batch_size: int) -> None:
        """Refuses trajectories that do not fit in memory with elite steps.

        Args:
            batch_size: K, the number of trajectories.

        Raises:
            ValueError: If they do not fit.
        """
        del batch_size
        memory_estimate.check_size(self, self.env.state_bytes + STEP_BYTES)

    def counts(self) -> dict[str, int]:
        """What an epoch logs of the source: nothing."""
        return {}

    def close(self) -> None:
        """Does nothing: no resource is open."""
