"""The policy as one compiled function from observations to actions."""

from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from keras_cem import heads, prng, spaces
from keras_cem.engines.groups import NO_GROUPS, Groups
from keras_cem.engines.host.zero_copy import lend
from keras_cem.engines.policies import Policy
from keras_cem.engines.xla import NOT_COMPILABLE, POLICY_ACTS, warn_not_compiled
from keras_cem.networks import state_features
from keras_cem.networks.category_lookup import with_lookup
from keras_cem.utils import devices
from keras_cem.utils.nonfinite import finite_rows


class Actor:
    """A policy and its head, for batches of one fixed size.

    For a network of a few thousand weights, the call itself dominates the
    cost. A concrete function that XLA compiled, called with tensors, takes
    about an eighth of the time of a `tf.function` called with arrays.

    Args:
        policy: Callable layer from observations to outputs.
        head: Head of the action space.
        observation_space: Space of one observation.
        num_envs: Batch size, the number of slots.
        explore: Whether to draw actions from the explored policy. If false,
            actions are greedy.
        groups: Groups of trajectories; no groups if not given.
        compiled: Whether to compile. If false, operations run eagerly.
    """

    def __init__(
        self,
        policy: Policy,
        head: heads.Head,
        observation_space: spaces.Space,
        *,
        num_envs: int,
        explore: bool,
        groups: Groups = NO_GROUPS,
        compiled: bool = True,
    ):
        self._policy = policy
        self._head = head
        self._space = observation_space
        self._explore = explore
        self._groups = groups
        self._signature = [
            [
                tf.TensorSpec((num_envs, *leaf.shape), leaf.dtype)
                for leaf in observation_space.leaves
            ],
            tf.TensorSpec((2, num_envs), tf.int32),
        ]
        # Variables, because each argument makes a call slower.
        self._epsilon = tf.Variable(0.0, trainable=False)
        self._numbers = tf.Variable(tf.zeros(3, tf.int64), trainable=False)
        # The exploration state of each row. Most heads have none.
        begin = head.initial_exploration(num_envs) if explore else ()
        self._exploration = tf.nest.map_structure(
            lambda leaf: tf.Variable(
                tf.cast(leaf, devices.variable_dtype(leaf.dtype)),
                trainable=False,
            ),
            begin,
        )
        self._explored_dtypes = tf.nest.map_structure(
            lambda leaf: leaf.dtype, begin
        )
        self._function = self._compile() if compiled else self._act

    def bind(
        self, epsilon: float, seed: int, stream: int, iteration: int
    ) -> Callable[
        [list[np.ndarray], np.ndarray], tuple[list[np.ndarray], np.ndarray]
    ]:
        """Returns the policy of one iteration for `HostSource.collect`.

        The returned function is valid until the next call of `bind`.

        Args:
            epsilon: Amount of exploration.
            seed: The agent's seed.
            stream: Random stream of exploration, a constant of `prng`.
            iteration: Iteration that keys the random numbers.
        """
        self._epsilon.assign(epsilon)
        self._numbers.assign([seed, stream, iteration])
        function = self._function

        def act(
            observations: list[np.ndarray], counter: np.ndarray
        ) -> tuple[list[np.ndarray], np.ndarray]:
            *actions, finite = function(
                # In the traced structure. For flat arguments TensorFlow first
                # tries the structured call, which fails after 30 times the
                # duration of a call.
                [lend(leaf) for leaf in observations],
                lend(counter),
            )
            return [leaf.numpy() for leaf in actions], finite.numpy()

        return act

    def _compile(self) -> Callable[..., Any]:
        try:
            function = self._concrete(jit_compile=True)
            function(*self._zeros())
        except NOT_COMPILABLE as error:
            warn_not_compiled(error, POLICY_ACTS)
            function = self._concrete(jit_compile=False)
        return function

    def _concrete(self, *, jit_compile: bool) -> Callable[..., Any]:
        function = tf.function(
            self._act, autograph=False, jit_compile=jit_compile
        )
        concrete: Callable[..., Any]
        concrete = function.get_concrete_function(*self._signature)
        return concrete

    def _zeros(self) -> list[Any]:
        zeros: list[Any] = tf.nest.map_structure(
            lambda spec: tf.zeros(spec.shape, spec.dtype), self._signature
        )
        return zeros

    def _act(
        self,
        observations: list[tf.Tensor],
        counter: tf.Tensor,
    ) -> list[tf.Tensor]:
        observed = self._space.pack(observations)
        outputs = with_lookup(self._policy)(observed, training=False)
        finite = finite_rows(outputs)
        if self._explore:
            words = tf.cast(counter, tf.uint32)
            seed, stream, iteration = tf.unstack(self._numbers)
            key = prng.make_key(seed, stream, iteration)
            actions, state = self._head.explore(
                outputs,
                self._epsilon.value(),
                key,
                self._groups.counter(words[0], words[1], observations),
                tf.nest.map_structure(
                    tf.cast, self._exploration, self._explored_dtypes
                ),
                state_features.observed(
                    self._head, self._policy, self._space, observed
                ),
            )
            tf.nest.map_structure(
                lambda variable, leaf: variable.assign(
                    tf.cast(leaf, variable.dtype)
                ),
                self._exploration,
                state,
            )
        else:
            actions = self._head.greedy(outputs)
        return [*self._head.space.flatten(actions), finite]
