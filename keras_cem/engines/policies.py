"""What the engines need of a policy and of an agent."""

from typing import Protocol

import keras

from keras_cem import heads, spaces
from keras_cem.utils.tensors import Nest


class Policy(Protocol):
    """A network from observations to outputs, such as a `keras.Layer`."""

    def __call__(self, inputs: Nest, *, training: bool) -> Nest:
        """Returns the outputs `(N, ...)` for a batch of observations."""


class ActingAgent(Protocol):
    """An agent that is built for an environment.

    Attributes:
        head: Head of the action space.
        seed: Seed of all random numbers.
        iteration: Number of iterations done, an int64 weight.
        observation_space: Space of one observation.
        on_nonfinite: One of `nonfinite.ON_NONFINITE`.
        compiled: Whether `compile` has been called.
        run_eagerly: As given to `compile`.
    """

    head: heads.Head
    seed: int
    iteration: keras.Variable
    observation_space: spaces.Space
    on_nonfinite: str
    compiled: bool
    run_eagerly: bool

    @property
    def action_space(self) -> spaces.Space:
        """Space of one action."""

    def acting_network(self) -> Policy:
        """Returns the network that acts."""

    def network_variables(self) -> list[keras.Variable]:
        """Returns all variables of the network that acts."""
