"""Rollouts inside the compiled step: K episodes of an in-graph environment.

Everything is keyed by (seed, iteration, trajectory, step), so results depend
neither on `steps_per_execution` nor on when the loop ends.
"""

import dataclasses
import functools
from collections.abc import Hashable
from typing import Any

import tensorflow as tf

from keras_cem import heads, spaces
from keras_cem.engines.graph.loop import GraphLoop
from keras_cem.engines.graph.trajectories import GraphTrajectories
from keras_cem.engines.groups import NO_GROUPS, Groups
from keras_cem.engines.xla import compilable
from keras_cem.envs.base import Environment
from keras_cem.envs.content import key_of
from keras_cem.utils import devices


@dataclasses.dataclass(frozen=True)
class GraphSource:
    """An in-graph environment, ready to be played inside a compiled step.

    Attributes:
        env: The environment.
        batch_size: K.
        max_episode_steps: T, after which every episode is truncated.
        fuse: Whether small dense layers are computed as
            `keras_cem.engines.graph.fused_dense` does. None fuses them on a
            GPU.
    """

    env: Environment
    batch_size: int
    max_episode_steps: int
    fuse: bool | None = None

    @property
    def name(self) -> str:
        """What error messages call the environment."""
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
        """Whether equal seeds make equal starts."""
        return True

    @functools.cached_property
    def key(self) -> tuple[Hashable, ...]:
        """What a compiled step depends on, as it is when first asked."""
        return (
            key_of(self.env),
            self.batch_size,
            self.max_episode_steps,
            self.fuse,
        )

    def compilable(self, policy: Any) -> bool:
        """Whether XLA can compile it with a policy; warns if it cannot."""
        return compilable(policy, self.observation_space, self.batch_size)

    def play(
        self,
        policy: Any,
        head: heads.Head,
        *,
        numbers: tuple[Any, int, Any],
        epsilon: tf.Tensor | None,
        first: Any = 0,
        store: bool = True,
        store_rewards: bool = False,
        groups: Groups = NO_GROUPS,
        discount: tf.Tensor | None = None,
    ) -> GraphTrajectories:
        """Plays K episodes; to be called inside of a compiled function.

        Args:
            policy: Callable layer from observations to outputs.
            head: Head of the action space.
            numbers: Seed, stream of the resets, and iteration.
            epsilon: How much to explore; None acts greedily.
            first: Number of the first trajectory. Defaults to `0`.
            store: Whether states and actions are kept. Defaults to `True`.
            store_rewards: Whether rewards are. Defaults to `False`.
            groups: Which trajectories belong together; none if not given.
            discount: float64 scalar, of `discounted`. Defaults to `None`: it
                is `returns`.
        """
        fuse = devices.has_gpu() if self.fuse is None else self.fuse
        loop = GraphLoop(
            self.env, policy, head, numbers, epsilon, groups, discount, fuse
        )
        return loop.run(
            tf.cast(first, tf.uint32)
            + tf.cast(tf.range(self.batch_size), tf.uint32),
            self.max_episode_steps,
            store,
            store_rewards,
        )

    def close(self) -> None:
        """Nothing is open."""
