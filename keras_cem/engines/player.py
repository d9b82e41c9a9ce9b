"""Plays with an agent's policy, compiled once per number of slots."""

from typing import Any, Protocol

import numpy as np

from keras_cem import prng
from keras_cem.engines.graph.player import GraphPlayer
from keras_cem.engines.graph.source import GraphSource, PlaysInGraph
from keras_cem.engines.groups import NO_GROUPS, Groups
from keras_cem.engines.host.actor import Actor
from keras_cem.engines.host.array_actor import ArrayActor, new_actor
from keras_cem.engines.host.observation_buffer import ObservationBuffer
from keras_cem.engines.host.source import HostSource, PlaysOnHost
from keras_cem.engines.policies import ActingAgent
from keras_cem.engines.remote.session import Outcome
from keras_cem.engines.remote.source import PlaysRemotely, RemoteSource
from keras_cem.engines.trajectories import Trajectories
from keras_cem.engines.wanted import Wanted
from keras_cem.saving import interrupts
from keras_cem.utils import nonfinite

# Greedy actions do not depend on the trajectory and its step.
_UNUSED = np.zeros((2, 1), np.int32)


class AnyPlayer(PlaysOnHost, PlaysInGraph, PlaysRemotely, Protocol):
    """A player of every kind of source."""


class PlayedBy(Protocol):
    """A source that a player can play."""

    def played_by(self, player: AnyPlayer, wanted: Wanted) -> Trajectories:
        """Returns the episodes that a player plays."""


class Player:
    """Plays episodes with an agent's policy.

    Args:
        agent: A built `CEMAgent`.

    Attributes:
        in_graph: Plays in-graph environments.
        num_forgotten: Number of calls of `forget`.
    """

    def __init__(self, agent: ActingAgent):
        self._agent = agent
        self._actors: dict[tuple[Any, ...], Actor | ArrayActor] = {}
        self.in_graph = GraphPlayer(agent)
        self._num_acts = 0
        self.num_forgotten = 0

    def forget(self) -> None:
        """Drops the compiled functions, because the policy may have changed."""
        self._actors.clear()
        self.in_graph.forget()
        self.num_forgotten += 1

    def play(
        self,
        source: PlayedBy,
        size: int,
        stream: int,
        *,
        epsilon: float | None,
        seed: int | None = None,
        first: int = 0,
        groups: Groups = NO_GROUPS,
    ) -> Trajectories:
        """Plays whole episodes.

        Args:
            source: The environment.
            size: Number of episodes.
            stream: Random stream of the episodes, a constant of `prng`.
            epsilon: Amount of exploration; None acts greedily.
            seed: Defaults to the agent's.
            first: Number of the first episode, for batches of one evaluation.
            groups: Groups of trajectories; no groups if not given.

        Returns:
            `Trajectories` of NumPy arrays.
        """
        interrupts.check()
        wanted = self.wanted(
            size, stream, epsilon=epsilon, seed=seed, first=first, groups=groups
        )
        return source.played_by(self, wanted)

    def wanted(
        self,
        size: int,
        stream: int,
        *,
        epsilon: float | None,
        seed: int | None = None,
        first: int = 0,
        groups: Groups = NO_GROUPS,
    ) -> Wanted:
        """Returns which episodes to play now; see `play`."""
        agent = self._agent
        return Wanted(
            size,
            stream,
            epsilon,
            agent.seed if seed is None else seed,
            int(agent.iteration),
            first,
            groups,
        )

    def play_in_graph(
        self, source: GraphSource, wanted: Wanted
    ) -> Trajectories:
        """Plays whole episodes inside a compiled function; see `play`."""
        return self.in_graph.play(source, wanted)

    def play_on_host(self, source: HostSource, wanted: Wanted) -> Trajectories:
        """Plays whole episodes, stepped from Python; see `play`."""
        epsilon = wanted.epsilon
        actor = self._actor(
            source.slots.num_envs, epsilon, groups=wanted.groups
        )
        act = actor.bind(
            epsilon or 0.0, wanted.seed, prng.EXPLORATION, wanted.iteration
        )
        return source.collect(
            act,
            wanted.reset_seeds,
            wanted.first,
            skip_nonfinite=self._agent.on_nonfinite == nonfinite.SKIP,
            clip=self._agent.head.exceeds and epsilon is not None,
        )

    def play_remotely(
        self, source: RemoteSource, wanted: Wanted
    ) -> Trajectories:
        """Lets workers play whole episodes; see `play`."""
        return source.fetch_all(self.outcome(source, wanted))

    def outcome(
        self,
        source: RemoteSource,
        wanted: Wanted,
        *,
        discount: float = 1.0,
        with_moments: bool = False,
        states: bool = False,
        jit_compile: bool = False,
        whole: bool = False,
    ) -> Outcome:
        """Lets workers play whole episodes; see `RemoteSource.play`."""
        return source.play(
            self._agent,
            wanted,
            discount=discount,
            with_moments=with_moments,
            states=states,
            jit_compile=jit_compile,
            whole=whole,
        )

    def act(
        self, buffer: ObservationBuffer, epsilon: float | None
    ) -> list[np.ndarray]:
        """Returns the action for one observation, as leaves with a batch axis.

        Args:
            buffer: Buffer with the observation.
            epsilon: Amount of exploration; None acts greedily.
        """
        # A separate actor, because exploration continues from call to call.
        actor = self._actor(1, epsilon, single=True)
        counter = _UNUSED
        if epsilon is not None:
            counter = np.array([[0], [self._num_acts % 2**31]], np.int32)
            self._num_acts += 1
        act = actor.bind(epsilon or 0.0, self._agent.seed, prng.ACT, 0)
        actions, _ = act(buffer.leaves, counter)
        # Greedy actions are inside the space already.
        return self._agent.action_space.clip_leaves(actions)

    def _actor(
        self,
        num_envs: int,
        epsilon: float | None,
        *,
        single: bool = False,
        groups: Groups = NO_GROUPS,
    ) -> Actor | ArrayActor:
        agent = self._agent
        if epsilon is not None:
            agent.head.check_epsilon(epsilon)
        compiled = not (agent.compiled and agent.run_eagerly)
        key = (num_envs, epsilon is not None, compiled, single, groups)
        if key not in self._actors:
            self._actors[key] = new_actor(
                agent.acting_network(),
                agent.head,
                agent.observation_space,
                num_envs=num_envs,
                explore=epsilon is not None,
                groups=groups,
                compiled=compiled,
            )
        return self._actors[key]
