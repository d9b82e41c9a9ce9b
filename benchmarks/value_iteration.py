"""What the best policy reaches in gymnasium's toy-text environments.

Value iteration on the environment's own table of transitions, over as many
steps as an episode may have:

    V_0(s) = 0
    V_t(s) = max_a sum over p, s', r, end of p (r + [not end] V_(t-1)(s'))

V_T is the largest mean return of an episode of at most T steps, exactly.
"""

from typing import Any, NamedTuple

import gymnasium
import numpy as np


class Table(NamedTuple):
    """A toy-text environment.

    Attributes:
        transitions: For each state and action a list of (probability, next
            state, reward, whether it ends).
        starts: float `(number of states,)`, probability to start there.
        steps: The longest episode.
    """

    transitions: dict[int, Any]
    starts: np.ndarray
    steps: int


def values(table: dict[int, Any], steps: int) -> np.ndarray:
    """Returns the largest mean return from each state.

    Args:
        table: Transitions, see `Table`.
        steps: T, the longest episode.

    Returns:
        float64 `(number of states,)`, V_T.
    """
    entries = [
        (state, action, *entry)
        for state, actions in table.items()
        for action, outcomes in actions.items()
        for entry in outcomes
    ]
    columns = map(np.array, zip(*entries, strict=True))
    state, action, probability, following, reward, over = columns
    shape = (len(table), 1 + int(action.max()))
    value = np.zeros(len(table))
    for _ in range(steps):
        gain = probability * (reward + np.where(over, 0.0, value[following]))
        # Actions that a state does not have are never the best.
        mean = np.full(shape, -np.inf)
        mean[state, action] = 0.0
        np.add.at(mean, (state, action), gain)
        value = mean.max(axis=1)
    return value


def of_policy(
    table: dict[int, Any], actions: np.ndarray, steps: int
) -> np.ndarray:
    """Returns the mean return of a deterministic policy from each state.

    Args:
        table: As for `values`.
        actions: Integers `(number of states,)`, what it does in each.
        steps: T, the longest episode.
    """
    chosen = {
        state: {0: outcomes[int(actions[state])]}
        for state, outcomes in table.items()
    }
    return values(chosen, steps)


def table_of(env_id: str, steps: int | None = None) -> Table:
    """Returns what value iteration needs of an environment.

    Args:
        env_id: Id of a gymnasium environment.
        steps: Longest episode where the environment sets no limit.

    Raises:
        ValueError: If it has no table of transitions, or no limit is known.
    """
    env = gymnasium.make(env_id)
    transitions = getattr(env.unwrapped, "P", None)
    if transitions is None:
        raise ValueError(
            "`env_id` must be of an environment with a table of transitions. "
            f"Received: env_id={env_id!r}"
        )
    limit = env.spec.max_episode_steps if env.spec else None
    limits = [each for each in (limit, steps) if each is not None]
    if not limits:
        raise ValueError(
            "`steps` must be given for an environment without a limit. "
            f"Received: steps=None, env_id={env_id!r}"
        )
    starts = np.asarray(env.unwrapped.initial_state_distrib)
    return Table(transitions, starts, min(limits))
