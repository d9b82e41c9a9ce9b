"""A memory of elite trajectories from earlier iterations."""

import math
from collections.abc import Mapping, MutableMapping
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_cem import spaces
from keras_cem.algorithm.candidates import Candidates
from keras_cem.engines.trajectories import Played, StoredPairs
from keras_cem.utils import devices
from keras_cem.utils.keras_internals import set_untracked
from keras_cem.utils.tensors import Nest, where_rows


@keras.saving.register_keras_serializable("keras_cem")
class EliteMemory(keras.Layer):
    """The best elite trajectories so far, up to a maximum age.

    The K new trajectories of iteration n and the remembered ones are
    candidates together: gamma_q is the quantile of all their returns. After the
    iteration, the memory keeps the best `size` of the new elites and the
    remembered trajectories. Ties in the return go to the younger trajectory.
    Ties in age go to the first.

    The memory is a layer, so Keras saves it with the agent. It saves the held
    trajectories only, cut to the length of the longest.

    Its variables hold M trajectories of T steps. On the host, T is the length
    to which trajectories are padded, and grows with it. In the graph, T is the
    limit of the environment, as for the trajectories of the compiled loop.

    Args:
        size: M, the maximum number of trajectories.
        age: Maximum age in iterations. A trajectory of iteration n is a
            candidate up to iteration n + `age`. Defaults to `None`: no limit.

    Raises:
        ValueError: If the machine has too little memory for M trajectories.
    """

    size: int
    age: int | None
    # Spaces of observations and actions, after `prepare`.
    _spaces: tuple[spaces.Space, spaces.Space]
    _leaves: list[tf.Variable]
    _dtypes: list[np.dtype]
    _moved: bool

    def __init__(self, size: int, age: int | None = None, **kwargs: object):
        super().__init__(**kwargs)
        _check_size(size, 0)
        self.size = size
        self.age = age
        self.built = True
        # Keras does not track these: they are not weights of the agent.
        set_untracked(
            self,
            _leaves=[],
            _dtypes=[],
            _lengths=tf.Variable(np.zeros(size, np.int64)),
            _returns=tf.Variable(np.zeros(size, np.float32)),
            _born=tf.Variable(np.zeros(size, np.int64)),
            _moved=False,
            _grows=False,
        )

    @property
    def num_held(self) -> int:
        """Number of trajectories held, including those that are too old."""
        return int(np.sum(self._lengths.numpy() > 0))

    @property
    def buffers(self) -> list[tf.Variable]:
        """The variables of the memory."""
        return [*self._leaves, self._lengths, self._returns, self._born]

    @property
    def num_steps(self) -> Any:
        """M times T, padding included: an int, or an int64 tensor on the host.

        Compiled steps of the host see a T that may grow.
        """
        most = self._leaves[0].shape[1]
        if most is None:
            most = tf.shape(self._leaves[0].value(), tf.int64)[1]
        return self.size * most

    @property
    def lengths(self) -> tf.Tensor:
        """Number of steps per trajectory, int32 `(M,)`, 0 for an empty row."""
        return tf.cast(self._lengths.value(), tf.int32)

    def prepare(
        self,
        observation_space: spaces.Space,
        action_space: spaces.Space,
        max_steps: int,
        *,
        grows: bool = False,
    ) -> bool:
        """Allocates memory for episodes; called outside compiled steps.

        Args:
            observation_space: Space of one observation.
            action_space: Space of one action.
            max_steps: T, the maximum number of steps of an episode.
            grows: Whether `grow` may be called. Defaults to `False`.

        Returns:
            Whether the memory has new variables. Functions compiled with the
            old variables must then be compiled again.

        Raises:
            ValueError: If the machine has too little memory.
        """
        set_untracked(self, _spaces=(observation_space, action_space))
        if self._grows != grows:
            # The shapes of the variables are fixed, or not.
            held = self._held()
            set_untracked(self, _grows=grows, _leaves=[])
            self._reserve(max(max_steps, int(held["lengths"].max(initial=0))))
            self._hold(held)
        self.grow(max_steps)
        moved: bool = self._moved
        set_untracked(self, _moved=False)
        return moved

    def grow(self, max_steps: int) -> None:
        """Makes room for longer episodes; called outside compiled steps.

        If the memory was prepared with `grows=True`, it keeps its variables.

        Args:
            max_steps: T, the maximum number of steps of an episode.

        Raises:
            ValueError: If the machine has too little memory.
        """
        if not self._leaves or self._most_steps < max_steps:
            held = self._held()
            self._reserve(max_steps)
            self._hold(held)

    def candidates(
        self, fresh: StoredPairs, returns: tf.Tensor, iteration: tf.Tensor
    ) -> tuple[Candidates, tf.Tensor]:
        """Returns new and remembered trajectories, and their returns.

        Args:
            fresh: The K new trajectories.
            returns: float32 `(K,)`, the returns that rank them.
            iteration: int64 scalar, number of the current iteration.

        Returns:
            K + M trajectories, and float32 `(K + M,)`, infinity for rows
            without a candidate.
        """
        return Candidates(fresh, self), self.ranked(returns, iteration)

    def ranked(self, returns: tf.Tensor, iteration: tf.Tensor) -> tf.Tensor:
        """Returns what ranks new and remembered trajectories; see `candidates`.

        It needs no steps of the new trajectories.
        """
        alive = self._alive(iteration)
        remembered = tf.where(alive, self._returns.value(), np.inf)
        return tf.concat([returns, remembered], axis=0)

    def gather(
        self, trajectory: tf.Tensor, step: tf.Tensor
    ) -> tuple[Nest, Nest]:
        """Returns observations and actions of pairs, `(B, ...)`."""
        where = tf.stack([trajectory, step], axis=-1)
        leaves = [
            tf.cast(tf.gather_nd(leaf.value(), where), dtype)
            for leaf, dtype in zip(self._leaves, self._dtypes, strict=True)
        ]
        return self._pack(leaves)

    def update(
        self,
        fresh: Played,
        returns: tf.Tensor,
        elite_mask: tf.Tensor,
        iteration: tf.Tensor,
        learned: tf.Tensor,
    ) -> None:
        """Adds new elites; called inside the train step.

        Args:
            fresh: The K new trajectories.
            returns: float32 `(K,)`, the returns that rank them.
            elite_mask: bool `(K,)`, true for the new elites.
            iteration: int64 scalar, the iteration that played them.
            learned: bool scalar. If false, the memory does not change.
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
            new = tf.cast(new, held.dtype)
            chosen = where_rows(is_fresh, new, tf.gather(held, old))
            variable.assign(tf.where(learned, chosen, held))

        leaves = self._flat(taken.observations, taken.actions)
        for variable, leaf in zip(self._leaves, leaves, strict=True):
            assign(variable, _padded(leaf, variable))
        ages = tf.fill([self.size], iteration)
        assign(self._born, ages)
        assign(self._returns, tf.gather(returns, tf.where(is_fresh, rows, 0)))
        assign(self._lengths, taken.lengths)
        remaining = tf.where(kept | ~learned, self._lengths.value(), 0)
        self._lengths.assign(remaining)

    def save_own_variables(
        self, store: MutableMapping[str, np.ndarray]
    ) -> None:
        """Writes the held trajectories."""
        for name, array in self._held().items():
            store[name] = array

    def load_own_variables(self, store: Mapping[str, np.ndarray]) -> None:
        """Reads saved trajectories, at most the best `size` of them."""
        held = {name: np.asarray(store[name]) for name in sorted(store.keys())}
        leaves = _leaves_of(held)
        if leaves and not self._fits(leaves):
            self._allocate([(leaf.shape[1:], leaf.dtype) for leaf in leaves])
        self._hold(held)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "size": self.size, "age": self.age}

    @property
    def _most_steps(self) -> int:
        return int(self._leaves[0].value().shape[1])

    def _reserve(self, max_steps: int) -> None:
        """Allocates empty rows of `max_steps` steps, if memory allows."""
        leaves = [leaf for space in self._spaces for leaf in space.leaves]
        row = sum(
            math.prod(leaf.shape) * devices.variable_dtype(leaf.dtype).size
            for leaf in leaves
        )
        _check_size(self.size, max_steps, row)
        self._allocate(
            [((max_steps, *leaf.shape), leaf.dtype) for leaf in leaves]
        )

    def _alive(self, iteration: tf.Tensor) -> tf.Tensor:
        alive = self._lengths.value() > 0
        if self.age is not None:
            alive &= iteration - self._born.value() <= self.age
        return alive

    def _pack(self, leaves: list[tf.Tensor]) -> tuple[Nest, Nest]:
        observed, acted = self._spaces
        count = len(observed.leaves)
        return observed.pack(leaves[:count]), acted.pack(leaves[count:])

    def _flat(self, observations: Nest, actions: Nest) -> list[tf.Tensor]:
        observed, acted = self._spaces
        return [*observed.flatten(observations), *acted.flatten(actions)]

    def _fits(self, leaves: list[np.ndarray]) -> bool:
        return bool(self._leaves) and all(
            variable.shape[2:] == leaf.shape[2:]
            and self._most_steps >= leaf.shape[1]
            for variable, leaf in zip(self._leaves, leaves, strict=True)
        )

    def _allocate(self, leaves: list[tuple[tuple[int, ...], np.dtype]]) -> None:
        """Makes variables of zeros, or assigns zeros where they can grow."""
        zeros = [
            tf.zeros((self.size, *shape), devices.variable_dtype(dtype))
            for shape, dtype in leaves
        ]
        if self._leaves and self._grows:
            for variable, empty in zip(self._leaves, zeros, strict=True):
                variable.assign(empty)
            return
        variables = [
            tf.Variable(
                empty,
                trainable=False,
                shape=(self.size, None, *empty.shape[2:])
                if self._grows
                else empty.shape,
            )
            for empty in zeros
        ]
        dtypes = [np.dtype(dtype) for _, dtype in leaves]
        set_untracked(self, _dtypes=dtypes, _leaves=variables, _moved=True)

    def _held(self) -> dict[str, np.ndarray]:
        # The held rows come first, ordered from the best.
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
        for variable, array in zip(
            (self._lengths, self._returns, self._born, *self._leaves),
            (
                held["lengths"],
                held["returns"],
                held["born"],
                *(_leaves_of(held) or [np.zeros(0)] * len(self._leaves)),
            ),
            strict=True,
        ):
            shape = variable.value().shape
            whole = np.zeros(shape, variable.dtype.as_numpy_dtype)
            if array.size:
                array = array[: self.size]
                whole[tuple(slice(0, end) for end in array.shape)] = array
            variable.assign(whole)


def make(size: int | None, age: int | None) -> EliteMemory | None:
    """Returns a memory of a size, or None without one."""
    return None if size is None else EliteMemory(size, age, name="memory")


def _check_size(size: int, max_steps: int, row: int = 0) -> None:
    """Refuses more than the machine can hold.

    Args:
        size: M, the maximum number of trajectories.
        max_steps: T, the number of steps of each.
        row: Bytes per step. Defaults to `0`.
    """
    present, where = devices.gpu_memory(), "the GPU's memory"
    if present is None:
        present, where = devices.host_memory(), "memory"
    # Lengths, returns and ages take 20 bytes per trajectory.
    needed = (row * max_steps + 20) * size
    if needed > present:
        raise ValueError(
            f"`elite_memory` episodes must fit in {where}. Received: "
            f"elite_memory={size}. With {max_steps} steps each, they take "
            f"about {needed / 2**30:.1f} GiB of {present / 2**30:.1f} "
            "GiB. Reduce `elite_memory` or `max_episode_steps`."
        )


def _leaves_of(held: dict[str, np.ndarray]) -> list[np.ndarray]:
    count = sum(name.startswith("leaf_") for name in held)
    return [held[f"leaf_{number}"] for number in range(count)]


def _padded(leaf: tf.Tensor, variable: tf.Variable) -> tf.Tensor:
    """Pads trajectories to the number of steps of a variable."""
    max_steps = variable.shape[1]
    if max_steps is None:
        max_steps = tf.shape(variable.value())[1]
    missing = max_steps - tf.shape(leaf)[1]
    paddings = [[0, 0], [0, missing], *([[0, 0]] * (leaf.shape.rank - 2))]
    return tf.ensure_shape(tf.pad(leaf, paddings), variable.shape)
