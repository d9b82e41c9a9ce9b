"""What an exported policy computes, and of which inputs."""

from typing import Any

import tensorflow as tf

from keras_cem import prng


class Endpoints:
    """The functions of an agent that are exported.

    Args:
        agent: A `CEMAgent` that knows its observation space.

    Attributes:
        policy: The `keras.Layer` that holds the weights.
        action_space: Description of the actions.
        leaves: A `tf.TensorSpec` `(None, *shape)` for each array of an
            observation, named and typed as the observation space says.
        observations: The same, in the structure of an observation.
    """

    def __init__(self, agent: Any):
        self.policy = agent.policy
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
        return self._head.greedy(self.logits(observations))

    def logits(self, observations: Any) -> Any:
        """Returns the policy's raw outputs."""
        return self.policy(observations, training=False)

    def act_sample(self, observations: Any, seed: Any, epsilon: Any) -> Any:
        """Returns actions of the explored policy; equal seeds, equal actions.

        Each row explores as in the first step of an episode.

        Args:
            observations: A batch.
            seed: int32 tensor `(2,)`.
            epsilon: float32 scalar, how much to explore.
        """
        outputs = self.logits(observations)
        rows = tf.range(tf.shape(tf.nest.flatten(observations)[0])[0])
        words = tf.bitcast(seed, tf.uint32)
        counter = (tf.cast(rows, tf.uint32), tf.zeros_like(rows, tf.uint32))
        key = prng.threefry2x32((words[0], words[1]), (words[0], words[1]))
        state = self._head.initial_exploration(tf.shape(rows)[0])
        actions, _ = self._head.explore(outputs, epsilon, key, counter, state)
        return actions

    def serve(self, *leaves: Any) -> dict[str, Any]:
        """Returns actions and logits by name, for each format alike.

        Args:
            *leaves: A batch, its arrays one by one: no format but SavedModel
                has nested inputs.

        Returns:
            `{"actions": greedy actions, "logits": the policy's raw outputs}`.
        """
        outputs = self.logits(self._space.pack(leaves))
        return {"actions": self._head.greedy(outputs), "logits": outputs}
