"""The interface of a head."""

import abc
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import keras
import tensorflow as tf

from keras_cem import prng, spaces
from keras_cem.heads.array_heads import ArrayHead
from keras_cem.utils import checks
from keras_cem.utils.tensors import Integer, Nest

# Shape of the policy's outputs for one observation, or a nest of shapes.
OutputShape: TypeAlias = (
    tuple[int, ...] | Mapping[str, "OutputShape"] | tuple["OutputShape", ...]
)
# The state of exploration that persists in time: tensors `(N, ...)` in the
# structure that a head chooses.
ExplorationState: TypeAlias = tf.Tensor | tuple[Any, ...]
# A loss that `compile` of Keras takes.
Loss: TypeAlias = (
    str | dict[str, Any] | keras.losses.Loss | Callable[..., tf.Tensor]
)

_KINDS: dict[str, type["Head"]] = {}


class Head(abc.ABC):
    """Maps the policy's outputs to actions of one kind of action space.

    A head has no variables. Actions have the environment's own format: `step`
    takes the actions of `explore` and `greedy`, and so does `loss`. If
    `exceeds` is true, `step` takes explored actions only after `playable`.

    Attributes:
        space: The action space, a `keras_cem.spaces.Space`.
        output_shape: Shape of the policy's outputs for one observation; for a
            nested space, a nest of shapes.
        exceeds: Whether actions of `explore` may lie outside of the action
            space. The policy imitates them unchanged; the environment gets
            them from `playable`. Defaults to `False`.
        observes: Whether `explore` needs the observation, as `features`.
            Defaults to `False`.
    """

    space: spaces.Space
    output_shape: OutputShape
    exceeds: bool = False
    observes: bool = False

    def __init_subclass__(cls, **kwargs: Any):
        super().__init_subclass__(**kwargs)
        _KINDS[cls.__name__] = cls
        own = vars(cls)
        if "on_arrays" not in own and ("explore" in own or "greedy" in own):
            # The inherited one would act in another way.
            type.__setattr__(cls, "on_arrays", Head.on_arrays)

    # Upper bound on epsilon.
    max_epsilon: float = float("inf")

    def initial_exploration(self, size: Integer) -> ExplorationState:
        """Returns the initial exploration state of `size` trajectories.

        Exploration that persists in time has one state per trajectory. The
        caller passes the state that `explore` returned to the next call of
        `explore`. The initial state has the same shapes and dtypes.

        Args:
            size: Number of rows, an int or an integer scalar.

        Returns:
            Nest of tensors `(size, ...)`. Defaults to `()`: no state.
        """
        del size
        return ()

    @abc.abstractmethod
    def explore(
        self,
        outputs: Nest,
        epsilon: tf.Tensor,
        key: prng.Words,
        counter: prng.Words,
        state: ExplorationState,
        features: tf.Tensor | None = None,
    ) -> tuple[Nest, ExplorationState]:
        """Draws actions from the explored policy pi_n.

        Args:
            outputs: float tensor `(N, *output_shape)`, the policy's outputs.
            epsilon: float scalar, the share or scale of exploration.
            key: Two uint32 scalars, see `prng.make_key`.
            counter: Two uint32 tensors `(N,)`: trajectory and step of each
                row. Equal counters draw equal numbers.
            state: The state from the previous step; in the first step,
                `initial_exploration`. Rows in step 0 ignore their state.
            features: float32 `(N, D)`, the observations, see
                `keras_cem.networks.state_features`. Heads whose `observes` is
                false need none.

        Returns:
            Actions `(N, *space.shape)` of the space's dtype, and the state for
            the next step, a nest like that of `initial_exploration`.
        """

    def parts(self, outputs: Nest) -> list[tf.Tensor]:
        """Returns the outputs for each leaf of the action space.

        Args:
            outputs: The policy's outputs.

        Raises:
            ValueError: If they do not have the structure of the action space.
        """
        return [outputs]

    def playable(self, actions: Nest) -> Nest:
        """Returns explored actions in the form that an environment takes.

        Args:
            actions: Actions that `explore` returned.
        """
        return actions

    @abc.abstractmethod
    def greedy(self, outputs: Nest) -> Nest:
        """Returns the greedy actions `(N, *space.shape)` for the outputs."""

    def on_arrays(self) -> ArrayHead | None:
        """Returns a head that computes `explore` and `greedy` with NumPy.

        Actions are the same, except for rounding. Defaults to `None`: there is
        no such head.
        """
        return None

    @abc.abstractmethod
    def loss(self, outputs: Nest, actions: Nest) -> tf.Tensor:
        """Returns the loss of each action, float32 `(N,)`."""

    @abc.abstractmethod
    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments as JSON values."""

    def with_loss(self, loss: Loss | None) -> "Head":
        """Returns this head with the loss given to `compile`.

        Args:
            loss: Keras loss; None keeps the head's own.

        Raises:
            ValueError: If the head supports only its own loss.
        """
        if loss is None:
            return self
        raise ValueError(
            "`loss` of `compile` must be None for discrete actions, whose "
            f"loss is softmax cross-entropy. Received: loss={loss!r}"
        )

    def check_loss(self) -> None:
        """Refuses a loss that cannot imitate actions; runs the loss."""
        self.with_loss(None)

    def check_epsilon(self, epsilon: float) -> None:
        """Refuses an epsilon out of range."""
        checks.number(0, self.max_epsilon, epsilon=epsilon)


def serialize(head: Head) -> dict[str, Any]:
    """Returns `head` as JSON values."""
    return {"kind": type(head).__name__, **head.get_config()}


def deserialize(config: dict[str, Any]) -> Head:
    """Returns the head that `serialize` turned into `config`.

    Raises:
        ValueError: If `config` names an unknown kind of head.
    """
    arguments = dict(config)
    kind = arguments.pop("kind", None)
    if kind not in _KINDS:
        raise ValueError(
            f"`kind` of a head must be one of {', '.join(sorted(_KINDS))}. "
            f"Received: kind={kind!r}"
        )
    return _KINDS[kind](**arguments)
