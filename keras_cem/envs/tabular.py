"""Environments defined by a table of transitions."""

import functools
from typing import Any, NamedTuple

import keras
import tensorflow as tf

from keras_cem import prng, spaces
from keras_cem.envs.base import Environment, Seeds
from keras_cem.envs.transition_table import Table, TabularParameters


class TabularState(NamedTuple):
    """Index of the state, an int32 vector of shape `(N,)`."""

    index: tf.Tensor


@keras.saving.register_keras_serializable("keras_cem")
class Tabular(Environment[TabularState]):
    """A finite Markov decision process, defined by its table.

    `Tabular.from_gymnasium("FrozenLake-v1")` reads the table of an environment
    that stores it like gymnasium's toy-text environments.

    Action space: `Discrete(number of actions)`.

    Observation space: `Discrete(number of states)`, the state.

    Rewards: the reward of the outcome.

    Starting state: drawn from `initial_distribution`.

    Episode end: terminated if the outcome is terminal; truncated after
    `max_episode_steps`, if given.

    Args:
        transitions: `transitions[state][action]` is a sequence of outcomes
            `(probability, next_state, reward, terminated)`.
        initial_distribution: Probability of each state to be the start state.
        id: Name of the environment. Defaults to `"Tabular"`.
        max_episode_steps: Steps of an episode. Defaults to `None`, no limit.
        reward_threshold: Mean return that counts as solved. Defaults to
            `None`.

    Differences from the reference: probabilities are compared in float32 with
    24 random bits, so frequencies are exact to about 1e-7. No `info`.

    Raises:
        ValueError: If the table is not a Markov decision process.

    Example:

    >>> stay_or_go = [[[(1.0, 0, 0.0, False)], [(1.0, 0, 1.0, True)]]]
    >>> Tabular(stay_or_go, [1.0]).action_space
    Discrete(n=2, start=0, dtype='int64')
    """

    id = "Tabular"
    Parameters = TabularParameters

    def __init__(
        self,
        transitions: Any,
        initial_distribution: Any,
        *,
        id: str = "Tabular",
        max_episode_steps: int | None = None,
        reward_threshold: float | None = None,
    ):
        self.id = id
        super().__init__(
            max_episode_steps=max_episode_steps,
            transitions=transitions,
            initial_distribution=initial_distribution,
        )
        self.reward_threshold = reward_threshold

    @classmethod
    def from_gymnasium(
        cls,
        env: Any,
        *,
        max_episode_steps: int | None = None,
        **parameters: Any,
    ) -> "Tabular":
        """Reads the table `P` of a gymnasium environment.

        Args:
            env: A `gymnasium.Env` or an id.
            max_episode_steps: Steps of an episode. Defaults to `None`, the
                limit of the environment.
            **parameters: Passed to `gymnasium.make` with an id.

        Returns:
            The environment as a `Tabular`.

        Raises:
            ValueError: If the environment has no table, its table does not
                describe it fully, or it does not take `parameters`.
        """
        from keras_cem.envs import toy_text

        arguments = toy_text.read(env, parameters)
        if max_episode_steps is not None:
            arguments["max_episode_steps"] = max_episode_steps
        return cls(**arguments)

    @property
    def observation_space(self) -> spaces.Discrete:
        """The states."""
        return spaces.Discrete(self.parameters.num_states)

    @property
    def action_space(self) -> spaces.Discrete:
        """The actions."""
        return spaces.Discrete(self.parameters.num_actions)

    def initial(self, seeds: Seeds) -> TabularState:
        """Draws start states."""
        table = self._table
        (number,) = prng.row_uniform(seeds, 1)
        place = tf.zeros_like(number, tf.int32)
        if len(table.start_state) > 1:
            place = tf.searchsorted(
                table.start_cumulative, number, side="right"
            )
        return TabularState(tf.gather(table.start_state, place))

    def transition(
        self, state: TabularState, actions: Any, seeds: Seeds
    ) -> tuple[TabularState, tf.Tensor, tf.Tensor]:
        """Draws an outcome for each row's state and action."""
        table = self._table
        num_actions = self.parameters.num_actions
        entry = state.index * num_actions + tf.cast(actions, tf.int32)
        if len(table.cumulative):
            (number,) = prng.row_uniform(seeds, 1)
            outcome = tf.zeros_like(entry)
            for cumulative in table.cumulative:
                passed = number >= tf.gather(cumulative, entry)
                outcome += tf.cast(passed, tf.int32)
            entry = entry * (len(table.cumulative) + 1) + outcome
        return (
            TabularState(tf.gather(table.next_state, entry)),
            tf.gather(table.reward, entry),
            tf.gather(table.terminated, entry),
        )

    def observe(self, state: TabularState) -> tf.Tensor:
        """Returns the index of the state: `(N,)`, int64."""
        return tf.cast(state.index, tf.int64)

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments as JSON values."""
        return {
            **super().get_config(),
            "id": self.id,
            "reward_threshold": self.reward_threshold,
        }

    def __repr__(self) -> str:
        p = self.parameters
        return (
            f"Tabular(id={self.id!r}, num_states={p.num_states}, "
            f"num_actions={p.num_actions})"
        )

    @functools.cached_property
    def _table(self) -> Table:
        return Table.of(self.parameters)
