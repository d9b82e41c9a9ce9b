"""Small networks evaluated by NumPy.

A call of a compiled TensorFlow function takes 300 to 500 microseconds between
steps of an environment in Python. With NumPy, 64 environments play episodes of
CartPole in 0.38 of the time (`benchmarks/tricks.py`).

The outputs for an observation do not depend on the other rows of a batch, nor
on their number: matrices are multiplied in blocks of `BLOCK` rows, so each
product of BLAS has the same shape.
"""

import math
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf

from keras_cem import heads, spaces
from keras_cem.networks import array_layers
from keras_cem.networks.array_layers import BLOCK, ArrayLayer, Function
from keras_cem.networks.graph_copy import Calls, calls_of, is_graph
from keras_cem.networks.normalization import NormalizedPolicy
from keras_cem.utils.tensorflow_internals import reader

# Largest number of weights of a network that is evaluated by NumPy. BLAS
# computes products of this size in one thread.
MOST_WEIGHTS = 2**16


class _Step(NamedTuple):
    """A layer that computes value `output` of the values `inputs`."""

    function: Function
    inputs: list[int]
    output: int
    # Where its weights are among those of all steps.
    weights: slice


class ArrayNetwork:
    """A network as functions of NumPy arrays.

    `read` must be called before the first call, and after the weights have
    changed.

    Args:
        steps: What is computed, one layer after another.
        variables: The weights of all steps.
        inputs: Numbers of the inputs, one per leaf of the observation space.
        outputs: Numbers of the outputs, one per leaf of the action space.

    Call arguments:
        leaves: One array `(N, ...)` per leaf of the observation space.

    Returns:
        One float32 array `(N, ...)` per leaf of the action space.
    """

    def __init__(
        self,
        steps: list[_Step],
        variables: list[keras.Variable],
        inputs: list[int],
        outputs: list[int],
    ):
        self._steps = steps
        self._read = reader([variable.value for variable in variables])
        self._inputs = inputs
        self._outputs = outputs
        self._weights: list[np.ndarray] = []
        self._size = 1 + max([*inputs, *outputs, *(s.output for s in steps)])

    def read(self) -> None:
        """Reads the weights."""
        self._weights = self._read()

    def __call__(self, leaves: list[np.ndarray]) -> list[np.ndarray]:
        values: list[Any] = [None] * self._size
        rows = len(leaves[0])
        missing = -rows % BLOCK
        for number, leaf in zip(self._inputs, leaves, strict=True):
            # Any valid values: each row is computed alone.
            if rows == 1:
                leaf = leaf.repeat(BLOCK, 0)
            elif missing:
                leaf = np.concatenate([leaf, leaf[:1].repeat(missing, 0)])
            values[number] = leaf
        weights = self._weights
        for function, inputs, output, own in self._steps:
            values[output] = function(
                *[values[i] for i in inputs], *weights[own]
            )
        return [
            array_layers.as_floats(values[number])[:rows]
            for number in self._outputs
        ]


def array_network(
    policy: object, observation_space: spaces.Space, head: heads.Head
) -> ArrayNetwork | None:
    """Returns a network evaluated by NumPy that computes a policy's outputs.

    There is one for functional and sequential models of float32 with at most
    `MOST_WEIGHTS` weights, all of whose layers `array_layers` knows.

    Args:
        policy: The policy, built.
        observation_space: Space of one observation.
        head: The policy's head.

    Returns:
        The network; None if there is none.
    """
    normalizations = []
    if isinstance(policy, NormalizedPolicy):
        normalizations, policy = policy.normalizations, policy.policy
    if not is_graph(policy):
        return None
    if sum(math.prod(v.shape) for v in policy.variables) > MOST_WEIGHTS:
        return None
    calls = calls_of(policy)
    inputs = _inputs(calls, observation_space)
    if inputs is None:
        return None
    made = _Steps()
    given = made.numbers(inputs)
    floats = [
        number
        for number, leaf in zip(given, observation_space.leaves, strict=True)
        if np.issubdtype(leaf.dtype, np.floating)
    ]
    # None, if the policy does not normalize.
    for number, layer in zip(floats, normalizations, strict=False):
        made.add(array_layers.normalization(layer), [number], number)
    for call in calls.calls:
        args = tf.nest.flatten(call.args)
        known = array_layers.array_layer(call.operation, args)
        if known is None:
            return None
        made.add(known, made.numbers(args), made.number(call.output))
    return ArrayNetwork(
        made.steps,
        made.variables,
        given,
        made.numbers(head.parts(calls.outputs)),
    )


def _inputs(calls: Calls, space: spaces.Space) -> list[Any] | None:
    """Returns the input of each leaf of a space, None if they do not fit."""
    try:
        inputs = space.flatten(calls.inputs)
    except ValueError:
        return None
    fit = all(
        isinstance(given, keras.KerasTensor)
        and tuple(given.shape[1:]) == leaf.shape
        and given.dtype == leaf.dtype.name
        for given, leaf in zip(inputs, space.leaves, strict=True)
    )
    return inputs if fit else None


class _Steps:
    """The steps of a network while they are collected."""

    def __init__(self) -> None:
        self.steps: list[_Step] = []
        self.variables: list[keras.Variable] = []
        self._numbers: dict[int, int] = {}

    def number(self, tensor: Any) -> int:
        """Returns the number of a symbolic tensor."""
        return self._numbers.setdefault(id(tensor), len(self._numbers))

    def numbers(self, tensors: list[Any]) -> list[int]:
        """Returns the numbers of symbolic tensors."""
        return [self.number(tensor) for tensor in tensors]

    def add(self, layer: ArrayLayer, inputs: list[int], output: int) -> None:
        """Adds a layer."""
        begin = len(self.variables)
        self.variables.extend(layer.variables)
        weights = slice(begin, len(self.variables))
        self.steps.append(_Step(layer.function, inputs, output, weights))
