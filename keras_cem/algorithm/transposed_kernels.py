"""Gradients by kernels, in the shape in which they are cheap to add up."""

from collections.abc import Callable, Sequence
from typing import Any

import keras
import tensorflow as tf

from keras_cem.algorithm import gradient_steps

# Whose layers read their weights as Keras lets them, from a `StatelessScope`
# too. A stranger's may keep a `tf.function` with what it read.
_KNOWN = ("keras", "keras_cem")


class Kernels:
    """The weights of a model, with tall kernels held transposed.

    The gradient by the kernel W, `(n, m)`, of a dense layer is `x^T g`, of a
    block of its inputs x, `(B, n)`, and the gradients g, `(B, m)`, of its
    outputs. XLA (of TensorFlow 2.21, on a CPU) is slow at reading the wider of
    the two across: with 128 units and 2 actions, `g^T x` takes a quarter of
    the time, and so does the gradient by x. Transposed after it, XLA would
    make `x^T g` of it again. So what is added up from block to block is the
    gradient by W^T, which the model is called with, and transposed in the end.

    To be made before the loop over the blocks.

    Args:
        model: Keras model.
        transposed: Whether to hold any kernel transposed, where all layers are
            Keras' or this package's.

    Attributes:
        held: Tensors, or variables, of the shapes that gradients are added up
            in.
    """

    def __init__(self, model: Any, transposed: bool):
        self._model = model
        self._variables = model.trainable_variables
        known = transposed and _is_known(model)
        self._tall = [known and _is_tall(each) for each in self._variables]
        self.held = self._swap([each.value for each in self._variables])

    def gradients(
        self, inputs: Any, loss_of: Callable[[Any, tf.Tensor], tf.Tensor]
    ) -> list[tf.Tensor]:
        """Calls the model, in training, on one block.

        Args:
            inputs: The model's.
            loss_of: Returns the loss, a scalar, of the model's outputs and
                the sum of its own losses, such as regularisation.

        Returns:
            The loss, and gradients as they are held, scaled as the optimizer
            wants them.
        """
        with tf.GradientTape() as tape:
            # A tape does not see through the loop, to what is outside of it.
            local = [tf.identity(each) for each in self._choose(self.held)]
            tape.watch(local)
            loss = loss_of(*self._call(inputs, local))
            scaled = self._model.optimizer.scale_loss(loss)
        by_local, by_variable = tape.gradient(
            scaled, (local, [each.value for each in self._variables])
        )
        # Regularisation is of the variables themselves.
        sums = self._swap(
            [
                tf.zeros_like(each.value) if gradient is None else gradient
                for each, gradient in zip(
                    self._variables, by_variable, strict=True
                )
            ]
        )
        rest = iter(by_local)
        for index, tall in enumerate(self._tall):
            gradient = next(rest) if tall else None
            if gradient is not None:
                sums[index] += gradient
        return [loss, *sums]

    def restore(self, gradients: Sequence[tf.Tensor]) -> list[tf.Tensor]:
        """Returns gradients in the shapes of the variables."""
        return self._swap(gradients)

    def _call(self, inputs: Any, local: list[tf.Tensor]) -> tuple[Any, Any]:
        model = self._model
        if not local:
            outputs = model(inputs, training=True)
            return outputs, gradient_steps.penalties(model)
        swapped = self._choose(self._variables)
        mapping = zip(swapped, map(tf.transpose, local), strict=True)
        with keras.StatelessScope(
            mapping, collect_losses=True, initialize_variables=False
        ) as scope:
            outputs = model(inputs, training=True)
        for variable in model.non_trainable_variables:
            value = scope.get_current_value(variable)
            if value is not None:
                variable.assign(value)
        own = [tf.cast(loss, tf.float32) for loss in scope.losses]
        return outputs, gradient_steps.penalties(model) + tf.add_n([0.0, *own])

    def _choose(self, values: Sequence[Any]) -> list[Any]:
        return [
            value
            for value, tall in zip(values, self._tall, strict=True)
            if tall
        ]

    def _swap(self, values: Sequence[Any]) -> list[Any]:
        return [
            tf.transpose(value) if tall else value
            for value, tall in zip(values, self._tall, strict=True)
        ]


def _is_known(layer: Any) -> bool:
    package, _, _ = type(layer).__module__.partition(".")
    return package in _KNOWN and all(
        map(_is_known, getattr(layer, "layers", ()))
    )


def _is_tall(variable: Any) -> bool:
    if variable.name != "kernel" or len(variable.shape) != 2:
        return False
    rows, columns = variable.shape
    return rows > columns
