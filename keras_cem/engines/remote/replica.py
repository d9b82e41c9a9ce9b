"""Plays parts of an iteration with a copy of an agent, in another process."""

import contextlib
import threading
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from keras_cem import spaces
from keras_cem.engines.graph.source import GraphSource
from keras_cem.engines.graph.trajectories import GraphTrajectories
from keras_cem.engines.host.environment import EpisodeError
from keras_cem.engines.player import Player
from keras_cem.engines.policies import ActingAgent
from keras_cem.engines.remote import states
from keras_cem.engines.remote.messages import Call, Report, Steps
from keras_cem.engines.remote.source import Local
from keras_cem.engines.summed import summed
from keras_cem.engines.trajectories import Trajectories
from keras_cem.networks import moments
from keras_cem.saving import interrupts
from keras_cem.utils.tensors import Nest


class GivenUpError(Exception):
    """What was played is not needed any more."""


class _Stop:
    """Raises `GivenUpError` between two steps of the thread that plays."""

    until = 0.0

    def __init__(self, thread: int):
        self.thread = thread

    def check(self) -> None:
        """Raises."""
        raise GivenUpError


class Replica:
    """A copy of an agent, and an environment.

    It holds what it played until the next request.

    Args:
        agent: The copy, built for the environment.
        source: The environment.
    """

    def __init__(self, agent: ActingAgent, source: Local):
        self._agent = agent
        self._source = source
        self._player = Player(agent)
        self._request = -1
        self._held: dict[int, Trajectories | GraphTrajectories] = {}
        self._given_up = -1
        self._stop: _Stop | None = None
        self._lock = threading.Lock()

    def answer(
        self, weights: Sequence[np.ndarray], call: Call
    ) -> Report | Steps | None:
        """Returns what a call asks for; None if it was given up.

        Args:
            weights: Values of the agent's `network_variables`.
            call: The call.

        Raises:
            EpisodeError: If an episode could not be played.
        """
        if call.request != self._request:
            variables = self._agent.network_variables()
            for variable, value in zip(variables, weights, strict=True):
                variable.assign(value)
            self._held.clear()
            self._request = call.request
        before, fault = self._source.num_env_restarts, None
        first = call.wanted.first
        if first not in self._held:
            try:
                self._held[first] = self._play(call)
            except GivenUpError:
                return None
            except EpisodeError as error:
                if error.played is None:
                    raise
                # The other chunks may have finite trajectories.
                self._held[first], fault = error.played, str(error)
        played = self._held[first]
        if isinstance(played, GraphTrajectories):
            if call.rows is not None:
                return states.steps_of(played, call.rows, call.whole)
            return states.report_of(played, call.discount)
        if call.rows is not None:
            return steps_of(played, call.rows, call.whole)
        sums = summed(played, call.discount)
        return Report(
            sums.returns,
            None if call.discount == 1.0 else sums.discounted,
            played.lengths,
            self._groups(played) if call.moments else (),
            self._source.num_env_restarts - before,
            fault,
        )

    def give_up(self, request: int) -> None:
        """Ends what is played for a request, at the next step.

        It may be called from another thread.
        """
        with self._lock:
            self._given_up = max(self._given_up, request)
            stop = self._stop
            if stop is not None and stop not in interrupts.pending:
                interrupts.pending.append(stop)

    def close(self) -> None:
        """Closes the environment."""
        self._source.close()

    def _play(self, call: Call) -> Trajectories | GraphTrajectories:
        if call.rows is not None:
            # Its steps are needed, whatever was given up before.
            return self._played(call)
        with self._stoppable(call.request):
            return self._played(call)

    def _played(self, call: Call) -> Trajectories | GraphTrajectories:
        source = self._source
        if call.states and isinstance(source, GraphSource):
            return self._player.in_graph.play_states(
                source,
                call.wanted,
                call.discount,
                store_rewards=call.whole,
                jit_compile=call.jit_compile,
            )
        played: Trajectories = source.played_by(self._player, call.wanted)
        return played

    @contextlib.contextmanager
    def _stoppable(self, request: int) -> Iterator[None]:
        """Lets `give_up` end what is played inside the context."""
        with self._lock:
            if self._given_up >= request:
                raise GivenUpError
            self._stop = _Stop(threading.get_ident())
        try:
            yield
        finally:
            with self._lock:
                stop, self._stop = self._stop, None
                if stop in interrupts.pending:
                    interrupts.pending.remove(stop)

    def _groups(self, played: Trajectories) -> list[tuple[np.ndarray, ...]]:
        space: spaces.Space = self._agent.observation_space
        size = moments.GROUP_SIZE
        of_leaves = []
        for leaf in spaces.float_leaves(space, played.observations):
            groups = [
                moments.of_group(
                    tf.constant(leaf[begin : begin + size]),
                    tf.constant(played.mask[begin : begin + size]),
                )
                for begin in range(0, len(leaf), size)
            ]
            of_leaves.append(
                tuple(
                    np.stack([part.numpy() for part in parts])
                    for parts in zip(*groups, strict=True)
                )
            )
        return of_leaves


def steps_of(
    played: Trajectories, rows: np.ndarray, whole: bool = False
) -> Steps:
    """Returns the steps of some trajectories, without padding.

    Args:
        played: Trajectories of NumPy arrays.
        rows: Numbers of the trajectories.
        whole: Whether to return rewards and last observations too. Defaults to
            `False`.
    """
    real = played.mask[rows]

    def packed(nest: Nest) -> Any:
        return tf.nest.map_structure(lambda leaf: leaf[rows][real], nest)

    steps = Steps(packed(played.observations), packed(played.actions))
    if not whole:
        return steps
    return steps._replace(
        rewards=packed(played.rewards),
        terminated=played.terminated[rows],
        final_observations=tf.nest.map_structure(
            lambda leaf: leaf[rows], played.final_observations
        ),
    )
