"""Nested actions: one head per leaf of the action space."""

from typing import Any

import tensorflow as tf

from keras_cem import prng, spaces
from keras_cem.heads.array_heads import ArrayComposite, ArrayHead
from keras_cem.heads.base import (
    ExplorationState,
    Head,
    Loss,
    deserialize,
    serialize,
)
from keras_cem.utils.tensors import Integer, Nest


class CompositeHead(Head):
    """Acts in a `Dict` or `Tuple` space with one head per leaf.

    The policy's outputs have the structure of the space: a dictionary for a
    `Dict`, a tuple or list for a `Tuple`. Each entry holds the outputs for the
    head of that leaf. The leaves are independent: each leaf explores with its
    own random numbers, and the losses of the leaves are added.

    Args:
        space: `Dict` or `Tuple` space.
        heads: Nest with the structure of the space, one `Head` per leaf, or
            its configuration from `serialize`.

    Attributes:
        heads: The head of each leaf, in the order of `space.leaves`.

    Raises:
        ValueError: If `heads` does not have the structure of the space, or a
            head is for another space.
    """

    def __init__(self, space: object, heads: object):
        self.space = spaces.get(space, "action_space")
        self.heads = [
            head if isinstance(head, Head) else deserialize(head)
            for head in self.space.flatten(heads, "heads")
        ]
        for head, leaf, path in zip(
            self.heads, self.space.leaves, self.space.leaf_paths, strict=True
        ):
            if head.space != leaf:
                raise ValueError(
                    f"`{spaces.at('heads', path)}` must be a head for {leaf}. "
                    f"Received: a {type(head).__name__} for {head.space}"
                )
        self.output_shape = self.space.pack(
            [head.output_shape for head in self.heads]
        )
        self.exceeds = any(head.exceeds for head in self.heads)
        self.observes = any(head.observes for head in self.heads)
        self.max_epsilon = min(head.max_epsilon for head in self.heads)

    def initial_exploration(self, size: Integer) -> ExplorationState:
        return tuple(head.initial_exploration(size) for head in self.heads)

    def parts(self, outputs: Nest) -> list[tf.Tensor]:
        alone = isinstance(self.space, spaces.Tuple) and len(self.heads) == 1
        if alone and not isinstance(outputs, (tuple, list)):
            # A functional model unwraps a tuple of one output.
            outputs = [outputs]
        return self.space.flatten(outputs, "outputs")

    def explore(
        self,
        outputs: Nest,
        epsilon: tf.Tensor,
        key: prng.Words,
        counter: prng.Words,
        state: ExplorationState,
        features: tf.Tensor | None = None,
    ) -> tuple[Nest, ExplorationState]:
        explored = [
            head.explore(
                part,
                epsilon,
                prng.fold_in(key, index),
                counter,
                old,
                features,
            )
            for index, (head, part, old) in enumerate(
                zip(
                    self.heads,
                    self.parts(outputs),
                    state,
                    strict=True,
                )
            )
        ]
        actions, states = zip(*explored, strict=True)
        return self.space.pack(actions), states

    def playable(self, actions: Nest) -> Nest:
        parts = zip(self.heads, self.space.flatten(actions), strict=True)
        return self.space.pack([head.playable(part) for head, part in parts])

    def greedy(self, outputs: Nest) -> Nest:
        parts = zip(self.heads, self.parts(outputs), strict=True)
        return self.space.pack([head.greedy(part) for head, part in parts])

    def on_arrays(self) -> ArrayHead | None:
        heads = [head.on_arrays() for head in self.heads]
        known = [head for head in heads if head is not None]
        return ArrayComposite(known) if len(known) == len(heads) else None

    def loss(self, outputs: Nest, actions: Nest) -> tf.Tensor:
        parts = zip(
            self.heads,
            self.parts(outputs),
            self.space.flatten(actions, "actions"),
            strict=True,
        )
        return tf.add_n([head.loss(part, acted) for head, part, acted in parts])

    def with_loss(self, loss: Loss | None) -> Head:
        """Returns this head with another loss for its `Box` leaves.

        Args:
            loss: Keras loss; None keeps the heads' own.

        Raises:
            ValueError: If no leaf is a `Box`.
        """
        boxes = [isinstance(head.space, spaces.Box) for head in self.heads]
        if loss is None or not any(boxes):
            return super().with_loss(loss)
        heads = [
            head.with_loss(loss) if is_box else head
            for head, is_box in zip(self.heads, boxes, strict=True)
        ]
        return CompositeHead(self.space, self.space.pack(heads))

    def check_loss(self) -> None:
        for head in self.heads:
            head.check_loss()

    def get_config(self) -> dict[str, Any]:
        return {
            "space": spaces.serialize(self.space),
            "heads": self.space.pack([serialize(head) for head in self.heads]),
        }
