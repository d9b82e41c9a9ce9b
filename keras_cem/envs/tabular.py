"""Environments defined by a table of transitions."""

import dataclasses
import functools
import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf

from keras_cem import prng, spaces
from keras_cem.envs.base import Environment, Seeds

# (probability, next state, reward, terminated), as in gymnasium's `P`.
Outcome = tuple[float, int, float, bool]
Transitions = tuple[tuple[tuple[Outcome, ...], ...], ...]


class TabularState(NamedTuple):
    """Index of the state, an int32 vector of shape `(N,)`."""

    index: tf.Tensor


@dataclasses.dataclass(frozen=True)
class TabularParameters:
    """A Markov decision process.

    Args:
        transitions: `transitions[state][action]` is a sequence of outcomes
            `(probability, next_state, reward, terminated)`. Gymnasium's
            dictionaries `P` are valid too.
        initial_distribution: Probability of each state to be the start state.
    """

    transitions: Transitions
    initial_distribution: tuple[float, ...]

    def __post_init__(self) -> None:
        transitions = _as_tuples(self.transitions)
        initial = tuple(float(p) for p in self.initial_distribution)
        _check(transitions, initial)
        object.__setattr__(self, "transitions", transitions)
        object.__setattr__(self, "initial_distribution", initial)

    @property
    def num_states(self) -> int:
        """Number of states."""
        return len(self.transitions)

    @property
    def num_actions(self) -> int:
        """Number of actions, the same in each state."""
        return len(self.transitions[0])


class _Table(NamedTuple):
    """The process as arrays, with one entry per state, action and outcome."""

    cumulative: np.ndarray  # (num_outcomes - 1, S * A)
    next_state: np.ndarray  # (S * A * num_outcomes,)
    reward: np.ndarray
    terminated: np.ndarray
    start_state: np.ndarray  # states with positive probability
    start_cumulative: np.ndarray


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
    def _table(self) -> _Table:
        p = self.parameters
        pairs = [outcomes for row in p.transitions for outcomes in row]
        width = max(len(outcomes) for outcomes in pairs)
        never = (0.0, 0, 0.0, False)
        padded = [
            [*outcomes, *[never] * (width - len(outcomes))]
            for outcomes in pairs
        ]
        flat = [outcome for outcomes in padded for outcome in outcomes]
        probabilities = np.array([[o[0] for o in row] for row in padded])
        starts = np.array(p.initial_distribution)
        possible = np.flatnonzero(starts)
        return _Table(
            cumulative=_cumulative(probabilities)[:, :-1].T.copy(),
            next_state=np.array([outcome[1] for outcome in flat], np.int32),
            reward=np.array([outcome[2] for outcome in flat], np.float32),
            terminated=np.array([outcome[3] for outcome in flat], np.bool_),
            start_state=possible.astype(np.int32),
            start_cumulative=_cumulative(starts[possible]),
        )


def _cumulative(probabilities: np.ndarray) -> np.ndarray:
    """Cumulative sums along the last axis; a sum of nearly 1 becomes 1."""
    sums = np.cumsum(probabilities, axis=-1)
    return np.where(sums > 1.0 - 1e-6, 1.0, sums).astype(np.float32)


def _as_tuples(transitions: Any) -> Transitions:
    return tuple(
        tuple(
            tuple(
                (float(p), int(next_state), float(reward), bool(terminated))
                for p, next_state, reward, terminated in outcomes
            )
            for outcomes in _values(actions)
        )
        for actions in _values(transitions)
    )


def _values(numbered: Any) -> list[Any]:
    """Values of a sequence or of a dictionary with the keys 0, 1, ..."""
    if not isinstance(numbered, Mapping):
        return list(numbered)
    if sorted(numbered) != list(range(len(numbered))):
        raise ValueError(
            "`transitions` must have the keys 0, 1, ... "
            f"Received: keys {sorted(numbered)}"
        )
    return [numbered[key] for key in range(len(numbered))]


def _check(transitions: Transitions, initial: tuple[float, ...]) -> None:
    num_states = len(transitions)
    _check_sum("initial_distribution", initial)
    if len(initial) != num_states:
        raise ValueError(
            "`initial_distribution` must have one entry a state. Received: "
            f"{len(initial)} entries, {num_states} states in `transitions`"
        )
    num_actions = {len(actions) for actions in transitions}
    if len(num_actions) != 1 or num_actions == {0}:
        raise ValueError(
            "`transitions` must have the same number of actions in each state. "
            f"Received: {sorted(num_actions)} actions"
        )
    for state, actions in enumerate(transitions):
        for action, outcomes in enumerate(actions):
            place = f"transitions[{state}][{action}]"
            _check_sum(place, tuple(outcome[0] for outcome in outcomes))
            for outcome in outcomes:
                if not 0 <= outcome[1] < num_states:
                    raise ValueError(
                        f"A next state of `{place}` must be in "
                        f"[0, {num_states}). Received: {outcome}"
                    )


def _check_sum(name: str, probabilities: tuple[float, ...]) -> None:
    valid = all(0.0 <= p <= 1.0 + 1e-6 for p in probabilities)
    if not valid or not math.isclose(sum(probabilities), 1.0, abs_tol=1e-6):
        raise ValueError(
            f"Probabilities of `{name}` must be at least 0 and add up to 1. "
            f"Received: {probabilities}"
        )
