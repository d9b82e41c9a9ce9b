"""The interface of a batched environment in TensorFlow."""

import abc
import dataclasses
import math
import numbers
from typing import Any, ClassVar, Generic, Self, TypeVar

import tensorflow as tf

from keras_cem import spaces
from keras_cem.utils import checks

StateT = TypeVar("StateT", bound=tuple[Any, ...])

Seeds = tuple[Any, Any]


@dataclasses.dataclass(frozen=True)
class NoParameters:
    """The parameters of an environment without parameters."""


class Environment(abc.ABC, Generic[StateT]):
    """N independent copies of an environment, as functions of tensors.

    An environment keeps no state between calls. The caller passes the state in
    and gets the next state back, and gives the seeds of all random numbers. So
    a whole rollout can be one compiled function. `docs/environments.md` shows
    how to write an environment.

    A subclass defines the attributes `id`, `observation_space`,
    `action_space`, `max_episode_steps`, `reward_threshold` and `Parameters`,
    and the functions `initial`, `transition` and `observe`. `reset` and `step`
    call these functions.

    The state is a `NamedTuple` of tensors of shape `(N,)`: on a CPU, XLA
    compiles separate vectors to faster code than one `(N, D)` array. Each row
    must depend on its own state and action only. Shapes and dtypes must not
    change between steps; `keras_cem.envs.check` finds such changes.

    Args:
        max_episode_steps: Steps after which an episode is truncated. The
            caller counts them. Defaults to `None`, the limit of the class.
        **parameters: Fields of the environment's `Parameters` to override.

    Attributes:
        id: Gymnasium's name of the environment.
        parameters: A frozen dataclass with all numbers of the dynamics.
        max_episode_steps: As above, or `None` if episodes have no limit.
        reward_threshold: Mean return that counts as solved, or `None`.
        stateful: Whether the functions read and write variables. True only for
            adapters of environments of other libraries.
    """

    id: str
    max_episode_steps: int | None = None
    reward_threshold: float | None = None
    stateful: ClassVar[bool] = False
    Parameters: ClassVar[Any] = NoParameters

    def __init__(
        self, *, max_episode_steps: int | None = None, **parameters: Any
    ):
        if max_episode_steps is not None:
            self.max_episode_steps = checks.as_integer(
                "max_episode_steps", max_episode_steps, "an int", minimum=1
            )
        self.parameters: Any = make_parameters(
            self.id, self.Parameters, parameters
        )

    @property
    @abc.abstractmethod
    def observation_space(self) -> spaces.Space:
        """Space of one row of `observe`."""

    @property
    @abc.abstractmethod
    def action_space(self) -> spaces.Space:
        """Space of one row of `actions`, as in gymnasium."""

    @abc.abstractmethod
    def initial(self, seeds: Seeds) -> StateT:
        """Draws start states.

        Args:
            seeds: Two uint32 tensors of shape `(N,)`, 64 bits for each row;
                see `keras_cem.prng.row_uniform`.

        Returns:
            The state of N rows.
        """

    @abc.abstractmethod
    def transition(
        self, state: StateT, actions: Any, seeds: Seeds
    ) -> tuple[StateT, Any, Any]:
        """Plays one step.

        Args:
            state: The state of N rows.
            actions: Actions in gymnasium's format. Discrete: integers of any
                dtype, shape `(N,)`, from `action_space.start` on.
                MultiDiscrete, MultiBinary: integers of any dtype, shape
                `(N, *action_space.shape)`. Box: float32 of the same shape,
                before clipping. Dict, Tuple: a nest of these.
            seeds: As in `initial`; different in each step.

        Returns:
            The next state, rewards (float32, `(N,)`) and terminated (bool,
            `(N,)`).
        """

    @abc.abstractmethod
    def observe(self, state: StateT) -> Any:
        """Returns the observations of a state, of shape `(N, ...)`.

        For a Dict or Tuple space, returns a nest of such tensors.
        """

    @property
    def state_bytes(self) -> int:
        """Size in bytes of the state of one row."""
        seed = tf.zeros(1, tf.uint32)
        state = tf.nest.flatten(self.initial((seed, seed)))
        return sum(leaf.dtype.size * math.prod(leaf.shape) for leaf in state)

    def truncated(self, state: StateT) -> Any:
        """Returns which rows the last step truncated.

        This excludes the limit `max_episode_steps`, which the caller counts.

        Returns:
            bool tensor that broadcasts to `(N,)`. Defaults to false.
        """
        del state
        return tf.constant(False)

    def reset(self, seeds: Seeds) -> tuple[StateT, Any]:
        """Returns start states and their observations."""
        state = self.initial(seeds)
        return state, self.observe(state)

    def step(
        self, state: StateT, actions: Any, seeds: Seeds
    ) -> tuple[StateT, Any, Any, Any]:
        """Returns state, observations, rewards and terminated after a step.

        A row may be stepped after it has terminated; its results are then
        undefined.
        """
        state, rewards, terminated = self.transition(state, actions, seeds)
        return state, self.observe(state), rewards, terminated

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments as JSON values."""
        config = dataclasses.asdict(self.parameters)
        return {"max_episode_steps": self.max_episode_steps, **config}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        """Returns the environment that `get_config` described."""
        return cls(**config)

    def __repr__(self) -> str:
        arguments = ", ".join(
            f"{k}={v!r}" for k, v in self.get_config().items()
        )
        return f"{type(self).__name__}({arguments})"


def make_parameters(id: str, cls: Any, given: dict[str, Any]) -> Any:
    """Returns parameters with some fields overridden.

    Args:
        id: Name of the environment, for the error messages.
        cls: A frozen dataclass with a default for each field.
        given: Names and values to override.

    Returns:
        An instance of `cls`.

    Raises:
        ValueError: If `cls` has no such field, or a number is not finite.
        TypeError: If a value is not of the kind of the field's default.
    """
    defaults = {field.name: field.default for field in dataclasses.fields(cls)}
    valid = {}
    for name, value in given.items():
        if name not in defaults:
            raise unknown_parameter(id, name, value, list(defaults))
        valid[name] = _same_kind(id, name, value, defaults[name])
    return cls(**valid)


def unknown_parameter(
    id: str, name: str, value: Any, known: list[str]
) -> ValueError:
    """Returns the error for a parameter that `id` does not have."""
    names = ", ".join(sorted(known)) or "none"
    return ValueError(
        f"Parameters of {id} must be among: {names}. Received: {name}={value!r}"
    )


def _same_kind(id: str, name: str, value: Any, default: Any) -> Any:
    """Returns `value` as the kind of `default`; refuses another kind."""
    received = f"Received: {name}={value!r}"
    if isinstance(default, float):
        if isinstance(value, bool) or not isinstance(value, numbers.Real):
            raise TypeError(f"`{name}` of {id} must be a number. {received}")
        if not math.isfinite(value):
            raise ValueError(f"`{name}` of {id} must be finite. {received}")
        return float(value)
    if isinstance(default, bool | str) and type(value) is not type(default):
        kind = type(default).__name__
        raise TypeError(f"`{name}` of {id} must be a {kind}. {received}")
    return value
