"""Heads that compute with NumPy, for small policies on the host.

Each computes what its head does, see `Head.on_arrays`. Outputs and actions are
lists with one array `(N, ...)` per leaf of the action space.
"""

import abc
import math
from collections.abc import Callable, Sequence

import numpy as np

from keras_cem import spaces
from keras_cem.heads import array_numbers
from keras_cem.heads.array_numbers import Words


class ArrayHead(abc.ABC):
    """Explores and acts greedily on NumPy arrays."""

    @abc.abstractmethod
    def numbers(self, key: Words, counter: Words) -> np.ndarray:
        """Draws the random numbers of steps, float32 `(n, size)`.

        Args:
            key: As `array_numbers.make_key` returns it.
            counter: Two uint32 arrays `(n,)`: trajectory and step.
        """

    @abc.abstractmethod
    def explore(
        self,
        outputs: list[np.ndarray],
        epsilon: float,
        numbers: np.ndarray,
        steps: np.ndarray,
    ) -> list[np.ndarray]:
        """Draws actions from the explored policy.

        Exploration that persists continues from the last call, which must have
        had as many rows.

        Args:
            outputs: The policy's outputs.
            epsilon: Amount of exploration.
            numbers: The random numbers of the steps.
            steps: The step of each row in its trajectory, int32 `(N,)`. At step
                0, exploration begins anew.
        """

    @abc.abstractmethod
    def greedy(self, outputs: list[np.ndarray]) -> list[np.ndarray]:
        """Returns the greedy actions."""


class ArrayChoices(ArrayHead):
    """Independent choices, as `ChoicesHead` without held actions.

    Args:
        space: Space of the actions.
        num_choices: int32 `(C,)`, the number of options of each choice.
        there: bool `(C, m)`, whether a choice has an option.
        logits: Function from outputs to logits, float32 `(N, C, m)`.
    """

    def __init__(
        self,
        space: spaces.Integers,
        num_choices: np.ndarray,
        there: np.ndarray,
        logits: Callable[[np.ndarray], np.ndarray],
    ):
        self._space = space
        self._logits = logits
        self._size = len(num_choices)
        self._last = num_choices.astype(np.int64) - 1
        shares = np.where(there, 1.0 / num_choices[:, None], 0.0)
        self._shares = shares.astype(np.float32)
        self._are_pairs = there.shape[1] == 2 and bool(there.all())
        self._first = np.asarray(space.first, space.dtype)
        self._shifted = bool(np.any(space.first))

    def numbers(self, key: Words, counter: Words) -> np.ndarray:
        return array_numbers.uniform(key, counter, self._size)

    def explore(
        self,
        outputs: list[np.ndarray],
        epsilon: float,
        numbers: np.ndarray,
        steps: np.ndarray,
    ) -> list[np.ndarray]:
        logits = self._logits(outputs[0])
        if self._are_pairs:
            return [self._to_actions(self._drawn(logits, epsilon, numbers))]
        # The functions behind `max` and `sum`, which take half of the time.
        policy = logits - np.maximum.reduce(logits, axis=-1, keepdims=True)
        np.exp(policy, out=policy)
        policy *= (1.0 - epsilon) / np.add.reduce(
            policy, axis=-1, keepdims=True
        )
        policy += np.float32(epsilon) * self._shares
        # The last bound is 1, up to rounding: the last choice is what is left.
        bounds = np.add.accumulate(policy[..., :-1], axis=-1)
        reached = numbers[:, :, None] >= bounds
        index = np.add.reduce(reached, axis=-1, dtype=np.int64)
        return [self._to_actions(np.minimum(index, self._last))]

    def _drawn(
        self, logits: np.ndarray, epsilon: float, numbers: np.ndarray
    ) -> np.ndarray:
        """Draws choices between two options, at half of the cost."""
        odds = logits[..., 1] - logits[..., 0]
        np.exp(odds, out=odds)
        odds += 1.0
        bound = (1.0 - epsilon) / odds
        bound += epsilon / 2.0
        second: np.ndarray = numbers >= bound
        return second

    def greedy(self, outputs: list[np.ndarray]) -> list[np.ndarray]:
        return [self._to_actions(self._logits(outputs[0]).argmax(axis=-1))]

    def _to_actions(self, choices: np.ndarray) -> np.ndarray:
        space = self._space
        actions = choices.reshape(-1, *space.shape)
        actions = actions.astype(space.dtype, copy=False)
        return actions + self._first if self._shifted else actions


class ArrayBox(ArrayHead):
    """Continuous actions, as `BoxHead` without noise that observes.

    Args:
        space: Space of the actions.
        scale: float32 `(*space.shape)`, the scale of the noise.
        uniform: Whether the noise is uniform; else it is normal.
        correlation: Correlation of the noise between steps, None for 0.
        exceeds: Whether explored actions may lie outside of the space.
    """

    def __init__(
        self,
        space: spaces.Box,
        scale: np.ndarray,
        *,
        uniform: bool,
        correlation: float | None,
        exceeds: bool,
    ):
        self._space = space
        self._scale = scale
        self._uniform = uniform
        self._correlation = correlation
        self._exceeds = exceeds
        self._size = math.prod(space.shape)
        self._noise = np.zeros((), np.float32)

    def numbers(self, key: Words, counter: Words) -> np.ndarray:
        if self._uniform:
            drawn = array_numbers.uniform(key, counter, self._size)
            return 2.0 * drawn - 1.0
        return array_numbers.normal(key, counter, self._size)

    def explore(
        self,
        outputs: list[np.ndarray],
        epsilon: float,
        numbers: np.ndarray,
        steps: np.ndarray,
    ) -> list[np.ndarray]:
        beta = self._correlation
        if beta is not None:
            following = beta * self._noise + math.sqrt(1.0 - beta**2) * numbers
            begin = (steps == 0)[:, None]
            numbers = np.where(begin, numbers, following)
            self._noise = numbers
        (means,) = self.greedy(outputs) if self._exceeds else outputs
        noise = numbers.reshape(-1, *self._space.shape)
        drawn = means.astype(np.float32) + epsilon * self._scale * noise
        if self._exceeds:
            return [drawn.astype(self._space.dtype)]
        return self.greedy([drawn])

    def greedy(self, outputs: list[np.ndarray]) -> list[np.ndarray]:
        # As `BoxHead`: clipped in the dtype of the space.
        space = self._space
        return [space.clip(outputs[0].astype(space.dtype))]


class ArrayComposite(ArrayHead):
    """Nested actions, as `CompositeHead`.

    Args:
        heads: The head of each leaf.
    """

    def __init__(self, heads: Sequence[ArrayHead]):
        self._heads = heads
        self._begins: list[int] = []

    def numbers(self, key: Words, counter: Words) -> np.ndarray:
        parts = [
            head.numbers(array_numbers.fold_in(key, index), counter)
            for index, head in enumerate(self._heads)
        ]
        self._begins = np.cumsum([part.shape[1] for part in parts]).tolist()
        return np.concatenate(parts, axis=1)

    def explore(
        self,
        outputs: list[np.ndarray],
        epsilon: float,
        numbers: np.ndarray,
        steps: np.ndarray,
    ) -> list[np.ndarray]:
        parts = np.split(numbers, self._begins[:-1], axis=1)
        return [
            head.explore([output], epsilon, part, steps)[0]
            for head, output, part in zip(
                self._heads, outputs, parts, strict=True
            )
        ]

    def greedy(self, outputs: list[np.ndarray]) -> list[np.ndarray]:
        return [
            head.greedy([output])[0]
            for head, output in zip(self._heads, outputs, strict=True)
        ]
