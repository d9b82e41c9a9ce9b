"""An agent as a SavedModel that acts where keras_cem is not installed."""

import os
from typing import Any

import keras
import tensorflow as tf

from keras_cem import prng


def export_saved_model(
    agent: Any, filepath: str | os.PathLike[str], verbose: bool = False
) -> None:
    """Writes the policy as a SavedModel with three endpoints.

    - `act(observations)`: greedy actions; also the serving default.
    - `logits(observations)`: the policy's raw outputs.
    - `act_sample(observations, seed, epsilon)`: actions of the explored
      policy. `seed` is int32 `(2,)`; equal seeds draw equal actions. Each row
      explores as in the first step of an episode.

    Args:
        agent: A `CEMAgent`, built.
        filepath: Folder to write.
        verbose: Whether Keras prints the endpoints. Defaults to `False`.
    """
    policy, head = agent.policy, agent.head
    space = agent.observation_space
    leaves = [
        tf.TensorSpec((None, *leaf.shape), leaf.dtype, name=name)
        for leaf, name in zip(space.leaves, space.leaf_names, strict=True)
    ]
    observations = space.pack(leaves)

    def act(observations: Any) -> Any:
        return head.greedy(policy(observations, training=False))

    def logits(observations: Any) -> Any:
        return policy(observations, training=False)

    def act_sample(observations: Any, seed: Any, epsilon: Any) -> Any:
        outputs = policy(observations, training=False)
        rows = tf.range(tf.shape(tf.nest.flatten(observations)[0])[0])
        words = tf.bitcast(seed, tf.uint32)
        counter = (tf.cast(rows, tf.uint32), tf.zeros_like(rows, tf.uint32))
        key = prng.threefry2x32((words[0], words[1]), (words[0], words[1]))
        state = head.initial_exploration(tf.shape(rows)[0])
        actions, _ = head.explore(outputs, epsilon, key, counter, state)
        return actions

    archive = keras.export.ExportArchive()
    archive.track(policy)
    archive.add_endpoint("act", act, [observations])
    archive.add_endpoint("logits", logits, [observations])
    archive.add_endpoint(
        "act_sample",
        act_sample,
        [
            observations,
            tf.TensorSpec((2,), tf.int32, name="seed"),
            tf.TensorSpec((), tf.float32, name="epsilon"),
        ],
    )
    archive.write_out(os.fspath(filepath), verbose=verbose)
