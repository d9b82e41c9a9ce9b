"""The table of a Markov decision process, checked and as arrays."""

import dataclasses
import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

# (probability, next state, reward, terminated), as in gymnasium's `P`.
Outcome = tuple[float, int, float, bool]
Transitions = tuple[tuple[tuple[Outcome, ...], ...], ...]


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


class Table(NamedTuple):
    """The process as arrays, with one entry per state, action and outcome."""

    cumulative: np.ndarray  # (num_outcomes - 1, S * A)
    next_state: np.ndarray  # (S * A * num_outcomes,)
    reward: np.ndarray
    terminated: np.ndarray
    start_state: np.ndarray  # states with positive probability
    start_cumulative: np.ndarray

    @classmethod
    def of(cls, parameters: TabularParameters) -> "Table":
        """Returns the arrays of a process."""
        pairs = [outcomes for row in parameters.transitions for outcomes in row]
        width = max(len(outcomes) for outcomes in pairs)
        never = (0.0, 0, 0.0, False)
        padded = [
            [*outcomes, *[never] * (width - len(outcomes))]
            for outcomes in pairs
        ]
        flat = [outcome for outcomes in padded for outcome in outcomes]
        probabilities = np.array([[o[0] for o in row] for row in padded])
        starts = np.array(parameters.initial_distribution)
        possible = np.flatnonzero(starts)
        return cls(
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
            "`initial_distribution` must have one entry per state. Received: "
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
