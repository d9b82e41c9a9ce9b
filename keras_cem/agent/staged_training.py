"""Trains as `fit` does, one stage of an iteration at a time."""

from collections.abc import Callable
from typing import Any, NamedTuple, cast

import numpy as np
import tensorflow as tf

from keras_cem import prng
from keras_cem.agent import building, critics, fit_checks
from keras_cem.agent.graph_execution import Schedule
from keras_cem.agent.opening import open_playable
from keras_cem.agent.run import RunningAgent
from keras_cem.algorithm import elites, learning, ranking
from keras_cem.algorithm.learner import Elites
from keras_cem.engines.graph.source import GraphSource
from keras_cem.engines.graph.trajectories import GraphTrajectories
from keras_cem.engines.host.source import HostSource
from keras_cem.engines.player import Player
from keras_cem.engines.playing import Playing
from keras_cem.engines.policies import ActingAgent
from keras_cem.engines.remote.source import RemoteSource
from keras_cem.engines.summed import SummedTrajectories, summed
from keras_cem.engines.trajectories import Chosen, Played, Trajectories


class Arrays(NamedTuple):
    """K episodes as arrays, of which a compiled step makes what was played.

    Attributes:
        arrays: Nest of arrays.
        restore: Function of the nest that returns the episodes.
        trajectories: The episodes, for a reader.
    """

    arrays: Any
    restore: Callable[[Any], Played]
    trajectories: Callable[[], Trajectories]


class StagedTraining:
    """Trains on an environment: `play`, `select` and `imitate`, in turn.

    An iteration gives the weights that an iteration of `fit` gives, without
    XLA and with the same options. In between, the trajectories can be looked
    at, and the elites be selected again with another quantile.

    Args:
        agent: A compiled `CEMAgent`, without elite memory.
        env: An environment as in `fit`.
        batch_size: K, the number of trajectories per iteration.
        schedule: Function of the number of iterations that returns epsilon.
            Defaults to `None`: epsilon stays.
        playing: How to play, as in `fit`, without workers.

    Attributes:
        returns: float32 array, the return of each of the K trajectories, or
            the advantage of each of their T K steps. Only after `play`.
        chosen: The elites among them, as arrays. Only after `select`.

    Raises:
        ValueError: If the environment does not fit the agent, or the agent
            cannot learn.
    """

    def __init__(
        self,
        agent: RunningAgent,
        env: object,
        batch_size: int,
        schedule: Schedule | None = None,
        playing: Playing | None = None,
    ):
        fit_checks.check_ready(agent, "fit")
        if agent.memory is not None:
            raise ValueError(
                "`elite_memory` cannot be used in stages. Received: "
                f"agent={agent!r}"
            )
        self.schedule = schedule
        self.batch_size = batch_size
        self._agent = agent
        # By the time that it plays, the agent is built.
        self._player = Player(cast(ActingAgent, agent))
        self._source = open_playable(agent, env, batch_size, playing or {})
        try:
            building.prepare(agent, self._source, batch_size)
            fit_checks.check_can_learn(agent)
            critics.build_optimizers(agent)
            fit_checks.check_finite(agent)
        except BaseException:
            self.close()
            raise
        agent.graph_execution.begin_fit(batch_size)
        self._play: Callable[[float], Arrays]
        self._play = self._source.step_function(self)
        self._played: Arrays | None = None
        self._rank = tf.function(self._ranked, autograph=False)
        self._learn = tf.function(self._learned, autograph=False)
        self.returns = np.zeros(0, np.float32)
        self.chosen: Chosen | None = None

    def play(self) -> Trajectories:
        """Plays K episodes of the explored policy and returns them."""
        agent = self._agent
        agent.graph_execution.begin_training(None, 1)
        if self.schedule is not None:
            epsilon = float(self.schedule(int(agent.iteration)))
            agent.head.check_epsilon(epsilon)
            agent.epsilon.assign(epsilon)
        self._played = played = self._play(float(agent.epsilon))
        self.returns = self._rank(played.arrays).numpy()
        self.chosen = None
        return played.trajectories()

    def select(self, quantile: float, ties: str) -> Chosen:
        """Selects the elites of the episodes; it may be called again.

        Args:
            quantile: q in (0, 1).
            ties: As in `CEMAgent`.
        """
        groups = self._agent.groups
        chosen = elites.select(
            self.returns,
            quantile,
            ties,
            per_start=groups.per_start,
            per_policy=groups.per_policy,
        )
        self.chosen = Chosen(*(np.asarray(each) for each in chosen))
        return self.chosen

    def imitate(self) -> dict[str, float]:
        """Imitates the elites, and returns the metrics of the iteration.

        Raises:
            ValueError: If no elites are selected.
            RuntimeError: If a value is not finite. The weights are unchanged.
        """
        if self._played is None or self.chosen is None:
            raise ValueError("`imitate` needs `play` and `select` before.")
        agent, played = self._agent, self._played
        agent.train_metrics.reset([])
        self._learn(played.arrays, *self.chosen)
        agent.graph_execution.end(self._source.name)
        self._played = None
        results = agent.train_metrics.results([])
        return {name: float(value) for name, value in results.items()}

    def close(self) -> None:
        """Closes the environments."""
        self._source.close()

    def _ranked(self, arrays: Any) -> tf.Tensor:
        return ranking.rank(self._agent, self._restored(arrays)).returns

    def _learned(
        self, arrays: Any, gamma_q: tf.Tensor, mask: tf.Tensor
    ) -> None:
        played = self._restored(arrays)
        agent = self._agent
        ranked = ranking.rank(agent, played)
        selected = Elites.of(ranked.candidates, Chosen(gamma_q, mask))
        update = learning.imitate_elites(agent, played, ranked, selected)
        learning.report(agent, played, ranked, selected, update)

    def _restored(self, arrays: Any) -> Played:
        if self._played is None:
            raise ValueError("Nothing was played.")
        return self._played.restore(arrays)

    # A source calls one of these, see `step_function`.

    def play_in_step(self, source: GraphSource) -> Callable[[float], Arrays]:
        """Returns the function that plays an in-graph environment."""
        agent = self._agent

        def play(epsilon: float) -> Arrays:
            played = self._player.in_graph.play_states(
                source,
                self._wanted(epsilon),
                1.0 if agent.critic is not None else agent.discount,
                # Pictures need the observations after the last steps, too.
                store_rewards=True,
                jit_compile=False,
            )
            env, *arrays = played

            def restore(tensors: Any) -> Played:
                restored = GraphTrajectories(env, *tensors)
                # What is missing has no tensor.
                return restored._replace(places=None, chosen=None)

            present = [() if each is None else each for each in arrays]
            return Arrays(
                _tensors(tuple(present)), restore, lambda: _numpy(played)
            )

        return play

    def collect_then_step(
        self, source: HostSource
    ) -> Callable[[float], Arrays]:
        """Returns the function that plays an environment of gymnasium."""

        def play(epsilon: float) -> Arrays:
            played = source.played_by(self._player, self._wanted(epsilon))
            return Arrays(
                _tensors(summed(played, self._agent.discount)),
                lambda tensors: SummedTrajectories(*tensors),
                lambda: played,
            )

        return play

    def fetch_then_step(
        self, source: RemoteSource
    ) -> Callable[[float], Arrays]:
        """Refuses workers."""
        raise ValueError("`workers` cannot play in stages.")

    def _wanted(self, epsilon: float) -> Any:
        return self._player.wanted(
            self.batch_size,
            prng.TRAINING_RESETS,
            epsilon=epsilon,
            groups=self._agent.groups,
        )


def _tensors(nest: Any) -> Any:
    return tf.nest.map_structure(tf.convert_to_tensor, nest)


def _numpy(played: GraphTrajectories) -> Trajectories:
    trajectories: Trajectories = tf.nest.map_structure(
        lambda leaf: np.asarray(leaf), played.to_trajectories()
    )
    return trajectories
