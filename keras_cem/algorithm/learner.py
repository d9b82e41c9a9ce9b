"""What the method needs of an agent."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

import keras
import tensorflow as tf

from keras_cem import heads, spaces
from keras_cem.algorithm.elite_memory import EliteMemory
from keras_cem.engines.groups import Groups
from keras_cem.engines.trajectories import Chosen, Played, StoredPairs
from keras_cem.networks.normalization import RunningNormalization
from keras_cem.utils.tensors import Nest


class Elites(NamedTuple):
    """The elites of an iteration.

    Attributes:
        candidates: The K trajectories and those of a memory after them, or
            the steps of the K trajectories.
        gamma_q: The elite threshold, a float32 scalar, or one per group.
        mask: bool, true for each candidate that is elite.
        number: float32 scalar, the number of elites.
    """

    candidates: StoredPairs
    gamma_q: tf.Tensor
    mask: tf.Tensor
    number: tf.Tensor

    @classmethod
    def of(cls, candidates: StoredPairs, chosen: Chosen) -> "Elites":
        """Returns the candidates with those that were chosen."""
        number = tf.reduce_sum(tf.cast(chosen.mask, tf.float32))
        return cls(candidates, *chosen, number)


class Update(NamedTuple):
    """What the gradient steps of an iteration did.

    Attributes:
        loss: float32 scalar, the mean of the losses; 0 without elites.
        critic_loss: float32 scalar, the mean of the critic's losses; 0 without
            a critic.
        explained_variance: float32 scalar, see `Advantages`; 0 without a
            critic.
        withheld: int32 scalar, code of the nonfinite value that prevented the
            update, as `gradient_steps.descend` returns it; 0 for none.
        learned: bool scalar. If false, nothing may be learned from the
            trajectories, because one of them or the update is not finite.
    """

    loss: tf.Tensor
    critic_loss: tf.Tensor
    explained_variance: tf.Tensor
    withheld: tf.Tensor
    learned: tf.Tensor


class Network(Protocol):
    """A Keras network, as gradients need it."""

    @property
    def variables(self) -> list[keras.Variable]:
        """All variables."""

    @property
    def trainable_variables(self) -> list[keras.Variable]:
        """Variables that the optimizer updates."""

    @property
    def non_trainable_variables(self) -> list[keras.Variable]:
        """Variables that a call may update."""

    @property
    def losses(self) -> Sequence[tf.Tensor]:
        """The model's own losses, such as regularization."""

    def __call__(self, inputs: Nest, *, training: bool | None = None) -> Nest:
        """Returns the outputs for a batch of inputs."""


class Model(Network, Protocol):
    """A compiled `keras.Model`."""

    @property
    def optimizer(self) -> keras.optimizers.Optimizer:
        """The optimizer given to `compile`."""


class Execution(Protocol):
    """What a compiled step shares with Python."""

    def may_learn(self, played: Played) -> tf.Tensor:
        """Whether the trajectories may be learned from, a bool scalar."""

    def learned(self, withheld: tf.Tensor) -> None:
        """Records an update that was withheld."""

    def note(self, returns: tf.Tensor, elite: tf.Tensor) -> None:
        """Stores the returns and elites of an iteration for callbacks."""


class Metrics(Protocol):
    """Metrics of training."""

    def update(
        self,
        agent: "Learner",
        played: Played,
        elites: Elites,
        update: Update,
    ) -> None:
        """Adds an iteration."""


class Learner(Model, Protocol):
    """A compiled `CEMAgent`: its options, counters and parts.

    `critic` and the attributes after it belong to elite steps; without them,
    `critic` is None.
    """

    policy: keras.Layer
    elite_quantile: float
    ties: str
    discount: float
    loss_normalization: str
    loss_weight: float
    gradient_steps: int | None
    gradient_epochs: int | None
    minibatch_size: int | None
    normalize_observations: bool
    observation_space: spaces.Space | None
    groups: Groups
    memory: EliteMemory | None
    critic: keras.Layer | None
    critic_optimizer: keras.optimizers.Optimizer
    critic_epochs: int | None
    gae_lambda: float
    return_statistics: RunningNormalization
    seed: int
    epsilon: keras.Variable
    iteration: keras.Variable
    env_steps: keras.Variable

    @property
    def graph_execution(self) -> Execution:
        """What a compiled step shares with Python."""

    @property
    def train_metrics(self) -> Metrics:
        """Metrics of training on environments."""

    @property
    def training_head(self) -> heads.Head:
        """The head, with the `loss` given to `compile`, if any."""

    def network_variables(self) -> list[keras.Variable]:
        """All variables that learning may change, without the counters."""
