"""Episodes of an in-graph environment, in the layout of a compiled step."""

from typing import Any, NamedTuple

import tensorflow as tf

from keras_cem import spaces
from keras_cem.engines.graph.storage import cast_leaves
from keras_cem.engines.pairs import Pairs, PairsByStep, PairsOfSteps, block_size
from keras_cem.engines.trajectories import Chosen, Trajectories
from keras_cem.envs.base import Environment
from keras_cem.networks.moments import Moments, of_batch
from keras_cem.utils import nonfinite
from keras_cem.utils.tensors import Nest


class GraphTrajectories(NamedTuple):
    """K episodes in the layout of the compiled loop.

    It stores states, not observations. Each vector of the state is stored
    separately, with the time axis first and the axis of the M slots last. XLA
    writes this layout fastest, and it takes the least memory. Each slot plays
    one trajectory after the other. With M = K, it plays one only.

    Attributes:
        env: The environment, which computes observations from states.
        states: States of the environment. Each leaf is `(S, M)`, or
            `(S, M, ...)` if it is not a vector. S is T times the largest
            possible number of trajectories per slot.
        actions: `(S, M, ...)`, or a nest in the structure of the space.
        rewards: float32 `(S, M)`, or None if they are not stored.
        returns: float32 `(K,)`.
        discounted: float32 `(K,)`, sums of discount^t r_t.
        lengths: int32 `(K,)`, number of steps per trajectory.
        terminated: bool `(K,)`.
        faults: int32 `(K,)`, code of a nonfinite value in the last step of an
            episode: 0 for none, else a `nonfinite.Fault`.
        final_states: States after the last steps. Each leaf is `(K,)` or
            `(K, ...)`. `()` if rewards are not stored.
        places: int32 `(K, 2)`, time and slot of the first step of each
            trajectory. None if slot k plays trajectory k.
        chosen: The elites, if no other states are known. None: not yet chosen.
    """

    env: Environment[Any]
    states: Nest
    actions: Nest
    rewards: tf.Tensor | None
    returns: tf.Tensor
    discounted: tf.Tensor
    lengths: tf.Tensor
    terminated: tf.Tensor
    faults: tf.Tensor
    final_states: Nest = ()
    places: tf.Tensor | None = None
    chosen: Chosen | None = None

    @property
    def num_steps(self) -> int:
        """K times T, padding included."""
        steps, size = self._num_rows
        return size * steps

    @property
    def max_steps(self) -> int:
        """T, the maximum number of steps per trajectory."""
        return self._num_rows[0]

    @property
    def _num_rows(self) -> tuple[int, int]:
        """T and K."""
        size = int(self.lengths.shape[0])
        times, slots = tf.nest.flatten(self.actions)[0].shape[:2]
        return int(times) // -(-size // int(slots)), size

    def _at(self, nest: Nest, trajectory: tf.Tensor, step: tf.Tensor) -> Any:
        """Returns stored values of some steps.

        Args:
            nest: Nest of stored tensors, `(S, M, ...)`.
            trajectory: int32 tensor, numbers of trajectories.
            step: int32 tensor of the same shape, numbers of steps. Values after
                the end of a trajectory have no meaning.
        """
        where = tf.stack([step, trajectory], axis=-1)
        if self.places is not None:
            first = tf.gather(self.places, trajectory)
            where = first + tf.stack([step, tf.zeros_like(step)], axis=-1)
            # Only steps after the end of a trajectory are beyond the last time.
            where = tf.minimum(where, _last(nest))
        return tf.nest.map_structure(
            lambda leaf: tf.gather_nd(leaf, where), nest
        )

    def _by_trajectory(self, nest: Nest, rows: tf.Tensor | None = None) -> Any:
        """Returns stored values of all steps, `(T, K, ...)`.

        Args:
            nest: Nest of stored tensors, `(S, M, ...)`.
            rows: int32 `(B,)`, the trajectories to return. Defaults to `None`:
                all.
        """
        steps, size = self._num_rows
        if self.places is not None:
            rows = tf.range(size) if rows is None else rows
            return self._at(nest, *tf.meshgrid(rows, tf.range(steps)))
        if rows is None:
            return nest
        return tf.nest.map_structure(
            lambda leaf: tf.gather(leaf, rows, axis=1), nest
        )

    @property
    def block_size(self) -> int:
        """Number of pairs per block: all at once may be too many."""
        return block_size(self.num_steps)

    @property
    def counts_env_steps(self) -> bool:
        """Whether the steps were taken in an environment."""
        return True

    def ranked(self, discount: float) -> tf.Tensor:
        """Returns what ranks the trajectories: their discounted returns.

        Args:
            discount: The discount with which they were played.
        """
        return self.returns if discount == 1.0 else self.discounted

    def in_order(self) -> "GraphTrajectories":
        """Returns the same with arrays `(T, K, ...)`, by trajectory."""
        states, actions, rewards = self._by_trajectory(
            (
                self.states,
                self.actions,
                () if self.rewards is None else self.rewards,
            )
        )
        return self._replace(
            states=states,
            actions=actions,
            rewards=None if self.rewards is None else rewards,
            places=None,
        )

    def first(self, size: int) -> "GraphTrajectories":
        """Returns the first trajectories, of arrays `(T, K, ...)`."""
        of_steps = {
            name: tf.nest.map_structure(lambda leaf: leaf[:, :size], values)
            for name, values in (
                ("states", self.states),
                ("actions", self.actions),
                ("rewards", () if self.rewards is None else self.rewards),
            )
        }
        others = {
            name: tf.nest.map_structure(lambda leaf: leaf[:size], values)
            for name, values in self._asdict().items()
            if name not in ("env", "places", "chosen", *of_steps)
        }
        if self.rewards is None:
            del of_steps["rewards"]
        return self._replace(**of_steps, **others)

    def pairs(self, mask: tf.Tensor, *, drawn: bool) -> Pairs:
        """Returns the pairs of some trajectories, see `StoredPairs.pairs`."""
        if drawn:
            return Pairs(self.lengths, mask, most=self.num_steps)
        return PairsByStep(self.lengths, mask, self.max_steps)

    def step_pairs(self, mask: tf.Tensor) -> Pairs:
        """Returns the pairs of some steps, see `Played.step_pairs`."""
        return PairsOfSteps(mask, most=self.num_steps)

    @property
    def step_rewards(self) -> tf.Tensor:
        """Rewards `(T, K)`.

        Raises:
            ValueError: If they are not stored.
        """
        if self.rewards is None:
            raise ValueError("These trajectories were played without rewards.")
        return self._by_trajectory(self.rewards)

    def gather(
        self, trajectory: tf.Tensor, step: tf.Tensor
    ) -> tuple[Nest, Nest]:
        """Returns observations and actions of pairs, `(B, ...)`."""
        states, actions = self._at(
            (self.states, self.actions), trajectory, step
        )
        return self.env.observe(states), actions

    def take(self, rows: tf.Tensor) -> Trajectories:
        """Returns some of the trajectories, with observations of all steps."""
        states, actions = self._by_trajectory((self.states, self.actions), rows)
        return self._replace(
            states=states,
            actions=actions,
            rewards=None,
            lengths=tf.gather(self.lengths, rows),
            terminated=tf.gather(self.terminated, rows),
            final_states=(),
            places=None,
        ).to_trajectories()

    def moments(self, space: spaces.Space) -> list[Moments]:
        """Moments of the observations in all real steps.

        See `Trajectories.moments`. They are computed one step at a time.
        Episodes with a nonfinite value are left out.
        """
        lengths = tf.where(tf.equal(self.faults, 0), self.lengths, 0)
        everyone = tf.range(tf.size(lengths))

        def of_step(step: tf.Tensor) -> Any:
            if self.places is not None:
                return self._at(
                    self.states, everyone, tf.fill(tf.shape(everyone), step)
                )
            return tf.nest.map_structure(
                lambda leaf: tf.gather(leaf, step), self.states
            )

        def body(step: tf.Tensor, sofar: list[Moments]) -> tuple[Any, Any]:
            states = of_step(step)
            leaves = spaces.float_leaves(space, self.env.observe(states))
            counts = step < lengths
            return step + 1, [
                moments.merge(of_batch(leaf, counts))
                for moments, leaf in zip(sofar, leaves, strict=True)
            ]

        nothing = [
            Moments.nothing(leaf.shape)
            for leaf in spaces.float_leaves(space, space.pack(space.leaves))
        ]
        longest = tf.reduce_max(lengths)
        found: list[Moments]
        _, found = tf.while_loop(
            lambda step, sofar: step < longest,
            body,
            (tf.constant(0), nothing),
        )
        return found

    def _marked_rewards(self) -> tf.Tensor:
        """Rewards `(K, T)`; NaN in the last step of a nonfinite episode."""
        steps, _ = self._num_rows
        last = tf.equal(tf.range(steps), self.lengths[:, None] - 1)
        faults = tf.where(last, self.faults[:, None], 0)
        rewards = self._by_trajectory(self.rewards)
        return nonfinite.marked(tf.transpose(rewards), faults)

    def to_trajectories(self) -> Trajectories:
        """Returns `Trajectories`, with the trajectory axis first."""
        steps, size = self._num_rows
        action_space = self.env.action_space
        states, actions = self._by_trajectory((self.states, self.actions))
        flat = tf.nest.map_structure(
            lambda leaf: tf.reshape(
                tf.experimental.numpy.swapaxes(leaf, 0, 1),
                (-1, *leaf.shape[2:]),
            ),
            states,
        )
        observations = self.env.observe(flat)
        return Trajectories(
            observations=tf.nest.map_structure(
                lambda leaf: tf.reshape(leaf, (size, steps, *leaf.shape[1:])),
                observations,
            ),
            actions=cast_leaves(
                action_space,
                tf.nest.map_structure(
                    lambda leaf: tf.experimental.numpy.swapaxes(leaf, 0, 1),
                    actions,
                ),
                [leaf.dtype for leaf in action_space.leaves],
            ),
            rewards=None if self.rewards is None else self._marked_rewards(),
            mask=tf.range(steps) < self.lengths[:, None],
            terminated=self.terminated,
            final_observations=self.final_observations,
        )

    @property
    def final_observations(self) -> Any:
        """Observations after the last steps, `(K, ...)`; `()` if not stored."""
        if isinstance(self.final_states, tuple) and not self.final_states:
            return ()
        return self.env.observe(self.final_states)


def _last(nest: Nest) -> tf.Tensor:
    """Returns the last time and the last slot of stored values."""
    times, num_slots = tf.nest.flatten(nest)[0].shape[:2]
    return tf.constant([times - 1, num_slots - 1])
