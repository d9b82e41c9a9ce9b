"""Recorded episodes, checked against the spaces of an agent."""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np

from keras_cem import spaces
from keras_cem.utils.nonfinite import finite_array_rows

_FIELDS = ("observations", "actions", "rewards")
# The names in Minari and in gymnasium.
_TERMINATED = ("terminations", "terminated")


class Episodes(NamedTuple):
    """N recorded episodes, concatenated along the step axis.

    Attributes:
        observations: One array `(steps, ...)` per leaf of the observation
            space, with the observation before each action.
        actions: One array `(steps, ...)` per leaf of the action space.
        rewards: float32 `(steps,)`.
        lengths: int64 `(N,)`, number of steps per episode.
        terminated: bool `(N,)`.
        final_observations: One array `(N, ...)` per leaf, with the observation
            after the last action. An episode without it repeats the last one.
        final_known: bool `(N,)`, whether an episode has that observation.
    """

    observations: list[np.ndarray]
    actions: list[np.ndarray]
    rewards: np.ndarray
    lengths: np.ndarray
    terminated: np.ndarray
    final_observations: list[np.ndarray]
    final_known: np.ndarray


def is_episode(value: object) -> bool:
    """Whether `value` has at least one field of an episode."""
    if isinstance(value, Mapping):
        return any(name in value for name in _FIELDS)
    return any(hasattr(value, name) for name in _FIELDS)


def read(
    episodes: Iterable[Any],
    observation_space: spaces.Space,
    action_space: spaces.Space,
) -> Episodes:
    """Reads and checks episodes.

    Args:
        episodes: Objects or mappings, as in `CEMAgent.fit`.
        observation_space: Space of one observation.
        action_space: Space of one action.

    Raises:
        TypeError: If an element is not an episode.
        ValueError: If there is no episode, an episode does not fit the spaces,
            its arrays differ in length, or a value is not finite. The message
            names the episode.
    """
    parts = [
        _Reader(f"x[{number}]", episode).read(observation_space, action_space)
        for number, episode in enumerate(episodes)
    ]
    if not parts:
        raise ValueError(
            "`x` must hold at least one episode. Received: no episodes"
        )
    observations, actions, rewards, terminated = zip(*parts, strict=True)
    lengths = [len(each) for each in rewards]
    return Episodes(
        [
            np.concatenate(
                [
                    each[:length]
                    for each, length in zip(leaf, lengths, strict=True)
                ]
            )
            for leaf in zip(*observations, strict=True)
        ],
        [np.concatenate(leaf) for leaf in zip(*actions, strict=True)],
        np.concatenate(rewards),
        np.array(lengths),
        np.array(terminated),
        [
            np.stack([each[-1] for each in leaf])
            for leaf in zip(*observations, strict=True)
        ],
        np.array(
            [
                all(len(leaf) > length for leaf in leaves)
                for leaves, length in zip(observations, lengths, strict=True)
            ]
        ),
    )


class _Reader:
    """Reads one episode.

    Args:
        name: Name for error messages.
        episode: Object or mapping.
    """

    def __init__(self, name: str, episode: object):
        self._name = name
        self._episode = episode
        lacking = [f for f in _FIELDS if self._get(f, None) is None]
        if lacking:
            raise TypeError(
                f"`{name}` must be an episode: an object or a mapping with "
                f"{', '.join(_FIELDS)}. Received: {name} of type "
                f"{type(episode).__name__}, without {', '.join(lacking)}"
            )

    def read(
        self, observation_space: spaces.Space, action_space: spaces.Space
    ) -> tuple[list[np.ndarray], list[np.ndarray], np.ndarray, bool]:
        """Returns observations, actions, rewards, and whether it terminated.

        Observations have one row more than the rewards if the episode also has
        the observation after the last action.
        """
        rewards = np.asarray(self._get("rewards"))
        if (
            rewards.ndim != 1
            or not rewards.size
            or rewards.dtype.kind not in "biuf"
        ):
            raise ValueError(
                f"`{self._name}.rewards` must be a vector of at least one "
                f"number. Received: shape={rewards.shape}, "
                f"dtype={rewards.dtype}"
            )
        rewards = rewards.astype(np.float32)
        self._refuse_rows(
            ~finite_array_rows(rewards), rewards, "rewards", "finite"
        )
        steps = len(rewards)
        actions = self._leaves("actions", action_space, (steps,))
        for path, leaf, values in actions:
            self._refuse_rows(
                outside(leaf, values), values, path, f"in the space {leaf}"
            )
        # Minari also keeps the observation after the last action.
        observations = self._leaves(
            "observations", observation_space, (steps + 1, steps)
        )
        for path, leaf, values in observations:
            if isinstance(leaf, spaces.Integers):
                bad, what = outside(leaf, values), f"in the space {leaf}"
            else:
                bad = ~finite_array_rows(values)
                what = "finite in float32"
            self._refuse_rows(bad, values, path, what)
        return (
            [values for _, _, values in observations],
            [values for _, _, values in actions],
            rewards,
            self._terminated(),
        )

    def _leaves(
        self, field: str, space: spaces.Space, lengths: tuple[int, ...]
    ) -> list[tuple[str, spaces.Leaf, np.ndarray]]:
        leaves = space.flatten(self._get(field), f"{self._name}.{field}")
        read = []
        for path, leaf, value in zip(
            space.leaf_paths, space.leaves, leaves, strict=True
        ):
            at, values = spaces.at(field, path), np.asarray(value)
            shapes = [(length, *leaf.shape) for length in lengths]
            if values.shape not in shapes or not np.can_cast(
                values.dtype, leaf.dtype, "same_kind"
            ):
                raise ValueError(
                    f"`{self._name}.{at}` must have shape "
                    f"{' or '.join(map(str, shapes))} (one row per step) and "
                    f"dtype {leaf.dtype.name}, according to the rewards and "
                    f"the space. Received: shape={values.shape}, "
                    f"dtype={values.dtype}"
                )
            read.append((at, leaf, values.astype(leaf.dtype)))
        return read

    def _terminated(self) -> bool:
        for name in _TERMINATED:
            value = self._get(name, None)
            if value is not None:
                return bool(np.ravel(value)[-1])
        return False

    def _refuse_rows(
        self, bad: np.ndarray, values: np.ndarray, at: str, what: str
    ) -> None:
        if bad.any():
            step = int(np.argmax(bad))
            raise ValueError(
                f"`{self._name}.{at}` must be {what}. "
                f"Received: {values[step]} in step {step}"
            )

    def _get(self, field: str, *default: None) -> Any:
        if isinstance(self._episode, Mapping):
            return self._episode.get(field, *default)
        return getattr(self._episode, field, *default)


def outside(leaf: spaces.Leaf, values: np.ndarray) -> np.ndarray:
    """Returns which rows of `values` are outside of the space `leaf`.

    Args:
        leaf: A space of integers or a Box.
        values: Array `(N, *leaf.shape)` in the dtype of `leaf`.

    Returns:
        bool array `(N,)`.

    Raises:
        TypeError: If `leaf` is another space.
    """
    if isinstance(leaf, spaces.Integers):
        low, high = np.asarray(leaf.first), np.asarray(leaf.last)
    elif isinstance(leaf, spaces.Box):
        low, high = leaf.low, leaf.high
    else:
        raise TypeError(f"cannot check the bounds of {leaf}")
    # Comparisons with NaN are false, so NaN is outside.
    inside = np.logical_and(values >= low, values <= high)
    rows: np.ndarray = np.all(inside.reshape(len(values), -1), axis=1)
    return ~rows
