"""Keras' train and test functions that play environments."""

import contextlib
import dataclasses
import pathlib
from collections.abc import Callable, Iterator
from typing import Any

import tensorflow as tf

from keras_cem.agent import keras_hooks
from keras_cem.agent.environment_compile import EnvironmentCompile
from keras_cem.agent.environment_play import DEFAULT_BATCH_SIZE
from keras_cem.agent.graph_execution import GraphSteps
from keras_cem.agent.metrics import TestMetrics, TrainMetrics
from keras_cem.agent.phases import Testing, Training
from keras_cem.agent.step_functions import KerasFunction
from keras_cem.engines.groups import Groups
from keras_cem.engines.host.environment import EpisodeError
from keras_cem.engines.player import Player
from keras_cem.engines.sources import Playable, Source
from keras_cem.utils import nonfinite
from keras_cem.utils.keras_internals import attribute_metrics, set_untracked


@dataclasses.dataclass
class Session:
    """State of one call of `fit` or `evaluate` on an environment.

    Attributes:
        callbacks: Callbacks of `fit`, in call order.
        resume_from: Folder of checkpoints from which `fit` resumes.
        validation_ticks: Data that Keras' `fit` gets for validation.
        during: Context managers that callbacks enter. They exit when `fit`
            ends.
        progress: The `EpochProgress` of the epoch, or None if no callback
            needs it.
    """

    testing: bool
    stream: int
    player: Player
    train: Source | None = None
    test: Playable | None = None
    batch_size: int = DEFAULT_BATCH_SIZE
    test_batch_size: int = DEFAULT_BATCH_SIZE
    schedule: Callable[[Any], Any] | None = None
    tested: int = 0
    callbacks: list[Any] = dataclasses.field(default_factory=list)
    resume_from: pathlib.Path | None = None
    validation_ticks: tf.data.Dataset | None = None
    during: contextlib.ExitStack = dataclasses.field(
        default_factory=contextlib.ExitStack
    )

    progress: Any = None

    @property
    def num_env_restarts(self) -> int:
        """Number of times that a sub-environment was restarted."""
        return sum(
            source.num_env_restarts
            for source in (self.train, self.test)
            if source is not None
        )


class EnvironmentFunctions(EnvironmentCompile):
    """Gives a `keras.Model` train and test functions that play.

    The session of the running `fit` or `evaluate` holds the environments and
    the options of playing. On the host, each step replaces an empty tick by
    freshly played trajectories (`step_functions`). In the graph, the step
    itself plays (`graph_execution`).
    """

    training: Training
    testing: Testing
    groups: Groups
    train_function: Any
    test_function: Any
    jit_compile: Any

    def _prepare_fit(self) -> None:
        self._prepare_play()
        # Keras does not track these attributes: none of them is saved, and
        # `save` must not traverse an environment.
        set_untracked(
            self,
            train_metrics=TrainMetrics(),
            test_metrics=TestMetrics(),
            _session=None,
            jit_is_auto=True,
            loss_weight=1.0,
            xla_allowed=True,
            graph_steps=GraphSteps(self),
            training=Training(self),
            testing=Testing(self),
        )

    @property
    def metrics(self) -> list[Any]:
        """Metrics of playing while on an environment, else Keras' own."""
        own = self._own_metrics
        if own is None:
            return super().metrics
        return [*own.all(), *self._subclass_metrics()]

    def _subclass_metrics(self) -> list[Any]:
        """Metrics that a subclass sets as attributes, collected by Keras."""
        return attribute_metrics(self)

    @property
    def _own_metrics(self) -> TrainMetrics | TestMetrics | None:
        session = getattr(self, "_session", None)
        if session is None:
            return None
        return self.test_metrics if session.testing else self.train_metrics

    def reset_metrics(self) -> None:
        """As in Keras; on an environment, resets all in one call."""
        own = self._own_metrics
        if own is None:
            super().reset_metrics()
        else:
            own.reset()
            for metric in self._subclass_metrics():
                metric.reset_state()

    def get_metrics_result(self) -> dict[str, Any]:
        """As in Keras; on an environment, reads all in one call.

        The single call is used outside a step only.
        """
        own = self._own_metrics
        if own is None or not tf.executing_eagerly():
            return super().get_metrics_result()
        results = own.results()
        for metric in self._subclass_metrics():
            result = metric.result()
            several = isinstance(result, dict)
            results |= result if several else {metric.name: result}
        return results

    def allow_xla(self, allowed: bool) -> None:
        """Sets whether `jit_compile="auto"` may use XLA from the next step on.

        XLA takes seconds to compile a step on an in-graph environment. Many
        small steps without XLA take less time than that. A running `fit`
        switches to a new step function, or to one that was compiled before.

        Args:
            allowed: Whether XLA may be used. A new agent allows it.
        """
        set_untracked(self, xla_allowed=allowed)
        if self.training.source is not None:
            self.make_train_function()

    def follow_epsilon(self, schedule: Callable[[Any], Any]) -> None:
        """Sets epsilon from a schedule before each iteration of this `fit`.

        Args:
            schedule: Function of the number of iterations done so far.

        Raises:
            RuntimeError: If no `fit` on an environment is running.
            ValueError: If this `fit` already has a schedule.
        """
        if self._session is None:
            raise RuntimeError(
                "Epsilon can follow a schedule during `fit` on an environment "
                "only: arrays are not explored. Leave out `EpsilonDecay`."
            )
        if self._session.schedule is not None:
            raise ValueError(
                "`callbacks` must hold one `EpsilonDecay` at most. "
                "Received: callbacks with several."
            )
        self._session.schedule = schedule

    @property
    def session(self) -> Session | None:
        """The running `fit` or `evaluate` on an environment, if any."""
        return self._session

    @property
    def has_validation(self) -> bool:
        """Whether the running `fit` evaluates on an environment."""
        return self._session is not None and self._session.test is not None

    def make_train_function(self, force: bool = False) -> None:
        """Keras' train function; on an environment, one that plays."""

        def make() -> KerasFunction:
            super(EnvironmentFunctions, self).make_train_function(force=True)
            function: KerasFunction = self.train_function
            return function

        self.train_function = self.training.make_function(
            self.train_function, make, force
        )

    def make_test_function(self, force: bool = False) -> None:
        """Keras' test function; on an environment, one that plays."""

        def make() -> KerasFunction:
            super(EnvironmentFunctions, self).make_test_function(force=True)
            function: KerasFunction = self.test_function
            return function

        self.test_function = self.testing.make_function(
            self.test_function, make, force
        )

    @contextlib.contextmanager
    def _on_environment(self, testing: bool, stream: int) -> Iterator[Session]:
        self.check_no_strategy()
        session = Session(testing, stream, self._player)
        try:
            with self._in_session(session), session.during:
                yield session
        except EpisodeError as error:
            # Keras' traceback filter drops the cause (keras 3.15,
            # traceback_utils.py).
            raise error from error.cause
        finally:
            with contextlib.ExitStack() as closing:
                # Close all sources, even if closing one fails or is
                # interrupted.
                for source in (session.test, session.train):
                    if source is not None:
                        closing.callback(source.close)

    @contextlib.contextmanager
    def _in_session(self, session: Session | None) -> Iterator[None]:
        outer = self._session
        set_untracked(self, _session=session)
        try:
            yield
        finally:
            set_untracked(self, _session=outer)

    def check_ready(self, verb: str) -> None:
        """Refuses an agent that is not compiled or has an unsuitable loss.

        Args:
            verb: Name of the called method, for the message.

        Raises:
            ValueError: If the agent is not compiled.
        """
        if not self.compiled:
            raise ValueError(
                f"`{verb}` needs `compile` first. Received: an agent that is "
                "not compiled. Call `agent.compile(optimizer=...)`."
            )
        # Refuse a loss that does not apply to the action space.
        self.training_head.check_loss()
        keras_hooks.check(self, verb)

    def check_can_learn(self) -> None:
        """Refuses to `fit` without an optimizer or without trainable weights.

        Raises:
            ValueError: If either is missing.
        """
        if self.optimizer is None:
            raise ValueError(
                "`optimizer` of `compile` must be given for `fit`. "
                "Received: optimizer=None."
            )
        if not self.trainable_variables:
            raise ValueError(
                "`policy` must have trainable weights for `fit`. Received: "
                f"policy={self.policy.name!r} with none. Set `trainable` of "
                "its layers, or play it with `evaluate` or `collect`."
            )

    def check_finite(self) -> None:
        """Refuses weights that are not finite.

        Raises:
            ValueError: If a weight or an optimizer variable is not finite.
        """
        learned = [*self.trainable_variables, *self.optimizer.variables]
        for variable in learned:
            if not bool(nonfinite.all_finite([variable.value])):
                raise ValueError(
                    "`fit` must start from finite weights. Received: a NaN or "
                    f"an infinity in {variable.path}. Load or set other "
                    "weights."
                )
