"""The functions and inputs of an exported policy."""

from typing import Any

import tensorflow as tf

from keras_cem import prng
from keras_cem.networks import state_features


class Endpoints:
    """The functions of an agent that are exported.

    Args:
        agent: A `CEMAgent` that has an observation space.

    Attributes:
        policy: The `keras.Layer` that acts and holds the weights.
        action_space: Description of the action space.
        leaves: One `tf.TensorSpec` `(None, *shape)` per array of an
            observation, with its name and dtype in the observation space.
        observations: The same specs, in the structure of an observation.
    """

    def __init__(self, agent: Any):
        self.policy = agent.acting_network()
        self.action_space = agent.action_space
        self._head = agent.head
        self._space = agent.observation_space
        self.leaves = [
            tf.TensorSpec((None, *leaf.shape), leaf.dtype, name=name)
            for leaf, name in zip(
                self._space.leaves, self._space.leaf_names, strict=True
            )
        ]
        self.observations = self._space.pack(self.leaves)

    def act(self, observations: Any) -> Any:
        """Returns the greedy actions."""
        outputs = self._outputs(observations)
        return self._shallow(self._head.greedy(outputs), "actions")

    def logits(self, observations: Any) -> Any:
        """Returns the policy's raw outputs."""
        parts = self._head.parts(self._outputs(observations))
        return self._shallow(self.action_space.pack(parts), "logits")

    def act_sample(self, observations: Any, seed: Any, epsilon: Any) -> Any:
        """Returns actions of the explored policy.

        Equal seeds give equal actions. Each row explores as in the first step
        of an episode.

        Args:
            observations: A batch of observations.
            seed: int32 tensor `(2,)`.
            epsilon: float32 scalar, the amount of exploration.
        """
        outputs = self._outputs(observations)
        rows = tf.range(tf.shape(tf.nest.flatten(observations)[0])[0])
        words = tf.bitcast(seed, tf.uint32)
        counter = (tf.cast(rows, tf.uint32), tf.zeros_like(rows, tf.uint32))
        key = prng.threefry2x32((words[0], words[1]), (words[0], words[1]))
        state = self._head.initial_exploration(tf.shape(rows)[0])
        actions, _ = self._head.explore(
            outputs,
            epsilon,
            key,
            counter,
            state,
            state_features.observed(
                self._head, self.policy, self._space, observations
            ),
        )
        return self._shallow(self._head.playable(actions), "actions")

    def serve(self, *leaves: Any) -> dict[str, Any]:
        """Returns actions and logits by name, the same in every format.

        Args:
            *leaves: The arrays of a batch of observations, as separate
                arguments. Only a SavedModel can have nested inputs.

        Returns:
            `{"actions": greedy actions, "logits": the policy's raw outputs}`.
            Nested actions have one entry per leaf, such as `actions_arm_0` and
            `logits_arm_0`.
        """
        outputs = self._outputs(self._space.pack(leaves))
        actions = self.action_space.flatten(self._head.greedy(outputs))
        return {
            **self._named(actions, "actions"),
            **self._named(self._head.parts(outputs), "logits"),
        }

    def named(self, outputs: Any, root: str) -> dict[str, Any]:
        """Returns outputs of another endpoint by the names of `serve`.

        Args:
            outputs: What the endpoint returned.
            root: `"actions"` or `"logits"`.
        """
        if self._is_deep:
            named: dict[str, Any] = outputs
            return named
        return self._named(self.action_space.flatten(outputs), root)

    def _outputs(self, observations: Any) -> Any:
        return self.policy(observations, training=False)

    def _named(self, leaves: list[Any], root: str) -> dict[str, Any]:
        names = self.action_space.name_leaves(root, prefix=True)
        return dict(zip(names, leaves, strict=True))

    def _shallow(self, nest: Any, root: str) -> Any:
        """Returns the nest, or its leaves by name if it is deeper than 1.

        Signatures of a SavedModel have one level.
        """
        if self._is_deep:
            return self._named(self.action_space.flatten(nest), root)
        return nest

    @property
    def _is_deep(self) -> bool:
        return any(len(path) > 1 for path in self.action_space.leaf_paths)
