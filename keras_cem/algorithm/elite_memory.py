"""Elites of earlier iterations, to be imitated again."""

import math
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_cem import spaces
from keras_cem.utils import devices
from keras_cem.utils.keras_internals import set_untracked


@keras.saving.register_keras_serializable("keras_cem")
class EliteMemory(keras.Layer):
    """The best elite trajectories so far, none older than an age.

    The K trajectories of iteration n and those remembered are candidates
    alike: gamma_q is the quantile of all their returns. Afterwards the memory
    holds the best `size` of the fresh elites and of what it held; of equal
    returns the younger ones, of the same age the first ones.

    It is a layer so that Keras saves it with the agent: as much as is held,
    cut to the longest trajectory.

    Args:
        size: M, how many trajectories are held at most.
        age: A trajectory of iteration n is a candidate up to iteration
            n + `age`. Defaults to `None`: for ever.
    """

    def __init__(self, size: int, age: int | None = None, **kwargs: Any):
        super().__init__(**kwargs)
        self.size = size
        self.age = age
        self.built = True
        # Past Keras' tracking: these are not among the agent's weights.
        set_untracked(
            self,
            _spaces=None,
            _leaves=[],
            _dtypes=[],
            _lengths=tf.Variable(np.zeros(size, np.int64)),
            _returns=tf.Variable(np.zeros(size, np.float32)),
            _born=tf.Variable(np.zeros(size, np.int64)),
            _moved=False,
        )

    @property
    def num_held(self) -> int:
        """How many trajectories are held, those too old included."""
        return int(np.sum(self._lengths.numpy() > 0))

    @property
    def buffers(self) -> list[tf.Variable]:
        """The variables that hold it."""
        return [*self._leaves, self._lengths, self._returns, self._born]

    @property
    def num_steps(self) -> int:
        """M times T, padding included."""
        return self.size * self._most_steps

    @property
    def lengths(self) -> tf.Tensor:
        """Steps of each trajectory, int32 `(M,)`; 0 where none is held."""
        return tf.cast(self._lengths.value(), tf.int32)

    def prepare(
        self,
        observation_space: spaces.Space,
        action_space: spaces.Space,
        num_steps: int,
    ) -> bool:
        """Makes room for episodes; called outside of compiled steps.

        Args:
            observation_space: Space of one observation.
            action_space: Space of one action.
            num_steps: T, the most steps of an episode.

        Returns:
            Whether the memory has moved, so that what was compiled with it is
            of no use any more.

        Raises:
            ValueError: If there is no room on this machine.
        """
        set_untracked(self, _spaces=(observation_space, action_space))
        if not self._leaves or self._most_steps < num_steps:
            self._check_size(num_steps)
            held = self._held()
            self._allocate(
                [
                    ((num_steps, *leaf.shape), leaf.dtype)
                    for space in self._spaces
                    for leaf in space.leaves
                ]
            )
            self._hold(held)
        moved = self._moved
        set_untracked(self, _moved=False)
        return moved

    def candidates(self, returns: tf.Tensor, iteration: tf.Tensor) -> tf.Tensor:
        """Returns the returns of fresh and remembered trajectories.

        Args:
            returns: float32 `(K,)`, those of the fresh ones.
            iteration: int64 scalar, the present one.

        Returns:
            float32 `(K + M,)`, infinity where none is remembered.
        """
        alive = self._alive(iteration)
        remembered = tf.where(alive, self._returns.value(), np.inf)
        return tf.concat([returns, remembered], axis=0)

    def gather(self, trajectory: tf.Tensor, step: tf.Tensor) -> tuple[Any, Any]:
        """Returns observations and actions of pairs, `(B, ...)`."""
        where = tf.stack([trajectory, step], axis=-1)
        leaves = [
            tf.cast(tf.gather_nd(leaf.value(), where), dtype)
            for leaf, dtype in zip(self._leaves, self._dtypes, strict=True)
        ]
        return self._pack(leaves)

    def update(
        self,
        fresh: Any,
        returns: tf.Tensor,
        elite_mask: tf.Tensor,
        iteration: tf.Tensor,
        learned: tf.Tensor,
    ) -> None:
        """Takes the elites in; called inside of the train step.

        Args:
            fresh: The K trajectories, with `lengths` and `take`.
            returns: float32 `(K,)`, what they are ranked by.
            elite_mask: bool `(K,)`.
            iteration: int64 scalar, in which they were played.
            learned: bool scalar; if false nothing changes.
        """
        size = tf.size(returns)
        eligible = tf.concat([elite_mask, self._alive(iteration + 1)], axis=0)
        ranked = tf.concat([returns, self._returns.value()], axis=0)
        scores = tf.where(eligible, ranked, -np.inf)
        rows = tf.argsort(-scores, stable=True)[: self.size]
        kept = tf.gather(eligible, rows)
        is_fresh = rows < size
        taken = fresh.take(tf.where(is_fresh, rows, 0))
        old = tf.where(is_fresh, 0, rows - size)

        def assign(variable: tf.Variable, new: tf.Tensor) -> None:
            held = variable.value()
            place = [-1] + [1] * (held.shape.rank - 1)
            chosen = tf.where(
                tf.reshape(is_fresh, place),
                tf.cast(new, held.dtype),
                tf.gather(held, old),
            )
            variable.assign(tf.where(learned, chosen, held))

        leaves = self._flat(taken.observations, taken.actions)
        for variable, leaf in zip(self._leaves, leaves, strict=True):
            assign(variable, _padded(leaf, self._most_steps))
        ages = tf.fill([self.size], iteration)
        assign(self._born, ages)
        assign(self._returns, tf.gather(returns, tf.where(is_fresh, rows, 0)))
        assign(self._lengths, taken.lengths)
        remaining = tf.where(kept | ~learned, self._lengths.value(), 0)
        self._lengths.assign(remaining)

    def save_own_variables(self, store: Any) -> None:
        """Writes what is held."""
        for name, array in self._held().items():
            store[name] = array

    def load_own_variables(self, store: Any) -> None:
        """Reads what was held; of more than `size`, the best."""
        held = {name: np.asarray(store[name]) for name in sorted(store.keys())}
        leaves = _leaves_of(held)
        if leaves and not self._fits(leaves):
            self._allocate([(leaf.shape[1:], leaf.dtype) for leaf in leaves])
        self._hold(held)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "size": self.size, "age": self.age}

    @property
    def _most_steps(self) -> int:
        return int(self._leaves[0].shape[1])

    def _check_size(self, num_steps: int) -> None:
        present, where = devices.gpu_memory(), "the GPU's memory"
        if present is None:
            present, where = devices.host_memory(), "memory"
        leaves = [leaf for space in self._spaces for leaf in space.leaves]
        row = sum(
            math.prod(leaf.shape) * devices.variable_dtype(leaf.dtype).size
            for leaf in leaves
        )
        needed = row * self.size * num_steps
        if needed > present:
            raise ValueError(
                f"`elite_memory` x `max_episode_steps` must fit in {where}. "
                f"Received: elite_memory={self.size}, "
                f"max_episode_steps={num_steps}, which take about "
                f"{needed / 2**30:.1f} GiB, of {present / 2**30:.1f} GiB. Give "
                "a smaller `max_episode_steps`."
            )

    def _alive(self, iteration: tf.Tensor) -> tf.Tensor:
        alive = self._lengths.value() > 0
        if self.age is not None:
            alive &= iteration - self._born.value() <= self.age
        return alive

    def _pack(self, leaves: list[Any]) -> tuple[Any, Any]:
        observed, acted = self._spaces
        count = len(observed.leaves)
        return observed.pack(leaves[:count]), acted.pack(leaves[count:])

    def _flat(self, observations: Any, actions: Any) -> list[Any]:
        observed, acted = self._spaces
        return [*observed.flatten(observations), *acted.flatten(actions)]

    def _fits(self, leaves: list[np.ndarray]) -> bool:
        return bool(self._leaves) and all(
            variable.shape[2:] == leaf.shape[2:]
            and variable.shape[1] >= leaf.shape[1]
            for variable, leaf in zip(self._leaves, leaves, strict=True)
        )

    def _allocate(self, leaves: list[tuple[tuple[int, ...], Any]]) -> None:
        variables = [
            tf.Variable(
                tf.zeros((self.size, *shape), devices.variable_dtype(dtype)),
                trainable=False,
            )
            for shape, dtype in leaves
        ]
        dtypes = [np.dtype(dtype) for _, dtype in leaves]
        set_untracked(self, _dtypes=dtypes, _leaves=variables, _moved=True)

    def _held(self) -> dict[str, np.ndarray]:
        # The rows held come first, the best before all.
        count, lengths = self.num_held, self.lengths.numpy()
        most = int(lengths.max())
        return {
            "lengths": lengths[:count],
            "returns": self._returns.numpy()[:count],
            "born": self._born.numpy()[:count],
            **{
                f"leaf_{number}": leaf.numpy()[:count, :most].astype(dtype)
                for number, (leaf, dtype) in enumerate(
                    zip(self._leaves, self._dtypes, strict=True)
                    if count
                    else ()
                )
            },
        }

    def _hold(self, held: dict[str, np.ndarray]) -> None:
        nothing = np.zeros(0)
        for variable, array in zip(
            (self._lengths, self._returns, self._born, *self._leaves),
            (
                held["lengths"],
                held["returns"],
                held["born"],
                *(_leaves_of(held) or [nothing] * len(self._leaves)),
            ),
            strict=True,
        ):
            whole = np.zeros(variable.shape, variable.dtype.as_numpy_dtype)
            if array.size:
                array = array[: self.size]
                whole[tuple(slice(0, end) for end in array.shape)] = array
            variable.assign(whole)


class Candidates:
    """Fresh trajectories 0 to K - 1, then those of a memory.

    Args:
        fresh: The K trajectories.
        memory: `EliteMemory`, prepared.

    Attributes:
        lengths: int32 tensor `(K + M,)`.
        num_steps: Steps, padding included.
    """

    def __init__(self, fresh: Any, memory: EliteMemory):
        self._fresh = fresh
        self._memory = memory
        self.lengths = tf.concat([fresh.lengths, memory.lengths], axis=0)
        self.num_steps = fresh.num_steps + memory.num_steps

    def gather(self, trajectory: tf.Tensor, step: tf.Tensor) -> tuple[Any, Any]:
        """Returns observations and actions of pairs, `(B, ...)`."""
        size = tf.size(self._fresh.lengths)
        is_fresh = trajectory < size
        fresh = self._fresh.gather(
            tf.where(is_fresh, trajectory, 0), tf.where(is_fresh, step, 0)
        )
        held = self._memory.gather(
            tf.where(is_fresh, 0, trajectory - size),
            tf.where(is_fresh, 0, step),
        )

        def choose(first: tf.Tensor, second: tf.Tensor) -> tf.Tensor:
            place = [-1] + [1] * (second.shape.rank - 1)
            return tf.where(
                tf.reshape(is_fresh, place),
                tf.cast(first, second.dtype),
                second,
            )

        return tf.nest.map_structure(choose, fresh, held)


def _leaves_of(held: dict[str, np.ndarray]) -> list[np.ndarray]:
    count = sum(name.startswith("leaf_") for name in held)
    return [held[f"leaf_{number}"] for number in range(count)]


def _padded(leaf: tf.Tensor, num_steps: int) -> tf.Tensor:
    missing = num_steps - tf.shape(leaf)[1]
    paddings = [[0, 0], [0, missing], *([[0, 0]] * (leaf.shape.rank - 2))]
    padded = tf.pad(leaf, paddings)
    return tf.ensure_shape(padded, (leaf.shape[0], num_steps, *leaf.shape[2:]))
