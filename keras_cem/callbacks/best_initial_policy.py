"""Begins with several policies and goes on with the one that learns best."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from keras_cem import checks, mean_weights
from keras_cem.networks.normalization import NormalizedPolicy


class BestInitialPolicy(keras.callbacks.Callback):
    """Trains other initial policies as well, and goes on with the best one.

    What comes of a training can depend on its first weights: the first elites
    are episodes that these play. So the agent's own policy and `others` are
    trained for some epochs each, one after another, the better half of them for
    as many more, and so on, until one is left: successive halving, Jamieson and
    Talwalkar (2016). Each has an optimizer of its own and counts iterations, by
    which schedules go, from 0.

    All of it are epochs of `fit`: History has them, and `env_steps` counts all
    of their steps. Callbacks that compare an epoch with those before it see a
    fall where another policy begins. Those that keep the best weights, such as
    `keras.callbacks.ModelCheckpoint`, must be given before this one.

    Args:
        others: Policies, or agents with policies, made as this agent's is, with
            other seeds. They are left as they are.
        epochs: For each policy, between one choice and the next. Defaults to
            `1`.
        monitor: What is compared, of the last of these epochs; more is better.
            Defaults to `"episode_return"`, the mean in training.

    Raises:
        TypeError: If something among `others` has no weights.
        ValueError: If `epochs` is no positive integer or there are no `others`;
            at the start of `fit`, if their weights have other shapes than the
            agent's, or it has too few epochs.

    Example:

    >>> import keras
    >>> import keras_cem as cem
    >>> def make(seed):
    ...     return cem.CEMAgent.from_env(
    ...         "CartPole-v1", hidden_units=(8,), seed=seed
    ...     )
    >>> agent = make(0)
    >>> agent.compile(optimizer=keras.optimizers.Adam(1e-2))
    >>> history = agent.fit(
    ...     "CartPole-v1",
    ...     engine="host",
    ...     batch_size=8,
    ...     epochs=5,
    ...     callbacks=[cem.callbacks.BestInitialPolicy([make(1), make(2)])],
    ...     verbose=0,
    ... )
    >>> int(agent.iteration)  # One as one of three, two more as the best.
    3
    """

    def __init__(
        self,
        others: Sequence[Any],
        epochs: int = 1,
        monitor: str = "episode_return",
    ):
        super().__init__()
        checks.at_least(1, epochs=epochs)
        self.others = list(others)
        if not self.others:
            raise ValueError(
                "`others` must have policies to compare with the agent's own. "
                f"Received: others={others!r}"
            )
        for other in self.others:
            if not hasattr(_policy(other), "weights"):
                raise TypeError(
                    "`others` must be policies or agents. Received: "
                    f"{other!r} of type {type(other).__name__} among them"
                )
        self.epochs = int(epochs)
        self.monitor = monitor
        self._begin([])

    def _begin(self, policies: list[list[np.ndarray]]) -> None:
        # Of those that are still to be trained before the next choice; of those
        # that were; and what these came to.
        self._next = policies
        self._trained: list[list[np.ndarray]] = []
        self._values: list[float] = []
        self._done = 0

    @property
    def num_epochs(self) -> int:
        """Epochs until one policy is left."""
        return num_epochs(len(self.others) + 1, self.epochs)

    def on_train_begin(self, logs: Any = None) -> None:
        """Checks the policies, and notes what the agent begins with."""
        if getattr(self.model, "session", None) is None:
            raise RuntimeError(
                "`BestInitialPolicy` must be used with `fit` of a `CEMAgent` "
                f"on an environment. Received: model={self.model!r}"
            )
        if self.params["epochs"] <= self.num_epochs:
            raise ValueError(
                f"`fit` must have more than {self.num_epochs} epochs, which "
                "`BestInitialPolicy` takes for "
                f"{len(self.others) + 1} policies. "
                f"Received: epochs={self.params['epochs']}"
            )
        shapes = _shapes(self.model)
        for number, other in enumerate(self.others):
            found = _shapes(other)
            if found != shapes:
                raise ValueError(
                    "`others` must be policies made as the agent's is. "
                    f"Received: others[{number}] with weights of shapes "
                    f"{found}, instead of {shapes}"
                )
        if not self.model.optimizer.built:
            self.model.optimizer.build(self.model.trainable_variables)
        self._begin([self._with_policy(other) for other in self.others])

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Goes on with the next policy, or chooses."""
        if self._done >= self.num_epochs or self.model.stop_training:
            return
        self._done += 1
        if self._done % self.epochs:
            return
        self._values.append(float(logs[self.monitor]))
        self._trained.append(self._state())
        if not self._next:
            # The first of equals; what is not a number is the worst.
            order = np.argsort(-np.array(self._values), kind="stable")
            best = order[: max(1, len(order) // 2)]
            self._next = [self._trained[number] for number in best]
            self._trained, self._values = [], []
        state = self._next.pop(0)
        for variable, value in zip(self._variables(), state, strict=True):
            variable.assign(value)

    def get_state(self) -> dict[str, Any]:
        """Returns what a checkpoint keeps."""
        return {
            "done": self._done,
            "next": self._next,
            "trained": self._trained,
            "values": self._values,
        }

    def set_state(self, state: dict[str, Any]) -> None:
        """Goes on from what a checkpoint kept."""
        self._done = state["done"]
        self._next = state["next"]
        self._trained = state["trained"]
        self._values = state["values"]

    def _with_policy(self, other: Any) -> list[np.ndarray]:
        """The state of the agent, with another policy."""
        values = {
            id(mine): np.array(its)
            for mine, its in zip(
                _policy(self.model).weights, _policy(other).weights, strict=True
            )
        }
        for weight, mean in mean_weights.pairs(self.model.optimizer):
            values[id(mean)] = values[id(weight)]
        return [
            values.get(id(variable), np.array(variable))
            for variable in self._variables()
        ]

    def _state(self) -> list[np.ndarray]:
        return [np.array(variable) for variable in self._variables()]

    def _variables(self) -> list[Any]:
        """All that training changes, but the count of steps and metrics."""
        agent = self.model
        others = {id(agent.env_steps)}
        for metric in agent.metrics:
            others.update(id(variable) for variable in metric.variables)
        memory = [] if agent.memory is None else agent.memory.buffers
        return [
            variable
            for variable in (
                *agent.variables,
                *agent.optimizer.variables,
                *memory,
            )
            if id(variable) not in others
        ]


def _policy(given: Any) -> Any:
    """The policy of an agent, without its normalisation, or one itself."""
    policy = getattr(given, "policy", given)
    return policy.policy if isinstance(policy, NormalizedPolicy) else policy


def _shapes(given: Any) -> list[tuple[int, ...]]:
    return [tuple(weight.shape) for weight in _policy(given).weights]


def num_epochs(policies: int, epochs: int) -> int:
    """Epochs until one policy is left.

    Args:
        policies: How many begin.
        epochs: For each, between one choice and the next.
    """
    trained = 0
    while policies > 1:
        trained += policies
        policies //= 2
    return epochs * trained
