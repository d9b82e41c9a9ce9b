"""What every head does."""

import abc
from typing import Any

import tensorflow as tf

from keras_cem import prng, spaces
from keras_cem.utils import checks

_KINDS: dict[str, type["Head"]] = {}


class Head(abc.ABC):
    """What one kind of action space needs of the policy's outputs.

    A head has no variables. Actions are in the environment's own format
    throughout: what `explore` and `greedy` return can be given to `step`, and
    `loss` takes it back. The one exception is where `exceeds` is true.

    Attributes:
        space: The action space, a `keras_cem.spaces.Space`.
        output_shape: Shape of the policy's outputs for one observation; for a
            nested space, a nest of shapes.
        exceeds: Whether actions that `explore` returns may lie outside of the
            action space. They are imitated as they are; an environment is
            given what `playable` makes of them. Defaults to `False`.
        observes: Whether `explore` needs to be given what is observed, as
            `features`. Defaults to `False`.
    """

    space: spaces.Space
    output_shape: Any
    exceeds: bool = False
    observes: bool = False

    def __init_subclass__(cls, **kwargs: Any):
        super().__init_subclass__(**kwargs)
        _KINDS[cls.__name__] = cls

    # The largest epsilon that makes sense.
    max_epsilon: float = float("inf")

    def initial_exploration(self, size: Any) -> Any:
        """Returns what exploration remembers of `size` trajectories.

        Exploration that persists in time has a state, which belongs to the
        trajectory: whoever plays passes on what `explore` returned in the step
        before. What this returns has the shapes and dtypes of it.

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
        outputs: tf.Tensor,
        epsilon: tf.Tensor,
        key: prng.Words,
        counter: prng.Words,
        state: Any,
        features: tf.Tensor | None = None,
    ) -> tuple[tf.Tensor, Any]:
        """Draws actions of the explored policy pi_n.

        Args:
            outputs: float tensor `(N, *output_shape)`, the policy's outputs.
            epsilon: float scalar, how much to explore.
            key: Two uint32 scalars, see `prng.make_key`.
            counter: Two uint32 tensors `(N,)`: trajectory and step of each
                row. Equal counters draw equal numbers.
            state: What the step before returned, else `initial_exploration`.
                Rows in step 0 start afresh whatever theirs is.
            features: float32 `(N, D)`, what is observed, see
                `keras_cem.networks.state_features`. Heads whose `observes` is
                false need none.

        Returns:
            Actions `(N, *space.shape)` of the space's dtype, and the state to
            pass on, a nest as `initial_exploration` returns.
        """

    def parts(self, outputs: Any) -> list[tf.Tensor]:
        """Returns the outputs for each leaf of the action space.

        Args:
            outputs: What the policy returned.

        Raises:
            ValueError: If it is not built as the action space is.
        """
        return [outputs]

    def playable(self, actions: Any) -> Any:
        """Returns explored actions as an environment takes them.

        Args:
            actions: What `explore` returned.
        """
        return actions

    @abc.abstractmethod
    def greedy(self, outputs: tf.Tensor) -> tf.Tensor:
        """Returns the best actions `(N, *space.shape)` for the outputs."""

    @abc.abstractmethod
    def loss(self, outputs: tf.Tensor, actions: tf.Tensor) -> tf.Tensor:
        """Returns how far the policy is from each action, float32 `(N,)`."""

    @abc.abstractmethod
    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments as JSON values."""

    def with_loss(self, loss: Any) -> "Head":
        """Returns this head with another loss, as given to `compile`.

        Args:
            loss: Keras loss; None keeps the head's own.

        Raises:
            ValueError: If the head has but one loss.
        """
        if loss is None:
            return self
        raise ValueError(
            "`loss` of `compile` must be None for discrete actions, which "
            "are imitated by softmax cross-entropy. "
            f"Received: loss={loss!r}"
        )

    def check_loss(self) -> None:
        """Refuses a loss by which actions cannot be imitated; runs it."""
        self.with_loss(None)

    def check_epsilon(self, epsilon: float) -> None:
        """Refuses an epsilon out of range."""
        checks.number(0, self.max_epsilon, epsilon=epsilon)


def serialize(head: Head) -> dict[str, Any]:
    """Returns `head` as JSON values."""
    return {"kind": type(head).__name__, **head.get_config()}


def deserialize(config: dict[str, Any]) -> Head:
    """Returns the head that `serialize` made `config` of.

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
