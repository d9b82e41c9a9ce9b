"""An agent at play: its policy, compiled once for each number of slots."""

from typing import Any

import numpy as np

from keras_cem import prng
from keras_cem.rollouts.acting import Actor
from keras_cem.rollouts.host import HostSource
from keras_cem.rollouts.observations import ObservationBuffer
from keras_cem.trajectories import Trajectories


class Player:
    """Plays episodes with an agent's policy.

    Args:
        agent: A `CEMAgent`, built.
    """

    def __init__(self, agent: Any):
        self._agent = agent
        self._actors: dict[tuple[int, bool, bool], Actor] = {}
        self._num_acts = 0

    def play(
        self,
        source: HostSource,
        size: int,
        stream: int,
        *,
        epsilon: float | None,
        seed: int | None = None,
        first: int = 0,
    ) -> Trajectories:
        """Plays whole episodes.

        Args:
            source: What to play.
            size: How many episodes.
            stream: What they are for, a constant of `prng`.
            epsilon: How much to explore; None acts greedily.
            seed: Defaults to the agent's.
            first: Number of the first one, for batches of one evaluation.

        Returns:
            `Trajectories` of NumPy arrays.
        """
        seed = self._agent.seed if seed is None else seed
        iteration = int(self._agent.iteration)
        seeds = prng.reset_seeds(seed, stream, iteration, first + size)
        actor = self._actor(source.slots.num_envs, epsilon)
        act = actor.bind(epsilon or 0.0, seed, prng.EXPLORATION, iteration)
        return source.collect(act, seeds[first:], first)

    def act(
        self, buffer: ObservationBuffer, epsilon: float | None
    ) -> list[np.ndarray]:
        """Returns the action for one observation, as leaves with a batch axis.

        Args:
            buffer: Holds the observation.
            epsilon: How much to explore; None acts greedily.
        """
        counter = np.array([[0], [self._num_acts % 2**31]], np.int32)
        self._num_acts += 1
        act = self._actor(1, epsilon).bind(
            epsilon or 0.0, self._agent.seed, prng.ACT, 0
        )
        actions, _ = act(buffer.leaves, counter)
        return actions

    def _actor(self, num_envs: int, epsilon: float | None) -> Actor:
        agent = self._agent
        if epsilon is not None:
            agent.head.check_epsilon(epsilon)
        compiled = not (agent.compiled and agent.run_eagerly)
        key = (num_envs, epsilon is not None, compiled)
        if key not in self._actors:
            self._actors[key] = Actor(
                agent.policy,
                agent.head,
                agent.observation_space,
                num_envs=num_envs,
                explore=epsilon is not None,
                compiled=compiled,
            )
        return self._actors[key]
