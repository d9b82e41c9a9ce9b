"""Keras' methods of training, on environments and on arrays."""

import contextlib
import os
from collections.abc import Iterator
from typing import Any, Unpack

import keras
import tensorflow as tf

from keras_cem import heads, prng, spaces
from keras_cem.agent import array_checks, fit_checks, step_functions
from keras_cem.agent.fit_arguments import FitArguments
from keras_cem.agent.graph_execution import GraphExecution, Schedule
from keras_cem.agent.metrics import TestMetrics, TrainMetrics
from keras_cem.agent.opening import DEFAULT_BATCH_SIZE
from keras_cem.agent.phases import Testing, Training
from keras_cem.agent.run import Run
from keras_cem.algorithm import iteration
from keras_cem.engines import sources
from keras_cem.engines.player import Player
from keras_cem.engines.playing import (
    Options,
    Playing,
    refuse_given,
    split,
    takes_playing,
)
from keras_cem.heads import compiled_loss
from keras_cem.utils import checks, keras_internals, option_fields
from keras_cem.utils.keras_internals import set_untracked


@fit_checks.refuses_environments(
    "predict", "predict_on_batch", "train_on_batch", "test_on_batch"
)
class EnvironmentTrainer(keras.Model):
    """Lets a `keras.Model` take an environment where Keras takes data.

    `CEMAgent` is a subclass. It has the spaces, the head and the options.

    Attributes:
        run: The running `fit` or `evaluate` on an environment, if any.
        loss_weight: Factor of the loss.
        jit_is_auto: Whether `compile` got `jit_compile="auto"`.
        xla_allowed: Whether `jit_compile="auto"` may use XLA.
    """

    head: heads.Head
    train_metrics: TrainMetrics
    test_metrics: TestMetrics
    graph_execution: GraphExecution
    training: Training
    testing: Testing
    run: Run | None
    _player: Player
    _made_under: str | None
    loss_weight: float
    jit_is_auto: bool
    xla_allowed: bool

    @property
    def training_head(self) -> heads.Head:
        """The head, with the `loss` given to `compile`, if any."""
        return self.head.with_loss(self.loss)

    @property
    def action_space(self) -> spaces.Space:
        """Description of the action space."""
        return self.head.space

    def _prepare_fit(self) -> None:
        # Keras does not track these attributes: none of them is saved, and
        # `save` must not traverse an environment.
        set_untracked(
            self,
            _player=Player(self),
            _made_under=fit_checks.strategy(),
            train_metrics=TrainMetrics(),
            test_metrics=TestMetrics(),
            graph_execution=GraphExecution(self),
            training=Training(self),
            testing=Testing(self),
            run=None,
            jit_is_auto=True,
            xla_allowed=True,
            loss_weight=1.0,
        )

    @option_fields.documents(Options)
    @takes_playing
    def fit(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        epochs: int = 1,
        verbose: Any = "auto",
        callbacks: Any = None,
        validation_split: float = 0.0,
        validation_data: Any = None,
        shuffle: bool = True,
        class_weight: Any = None,
        sample_weight: Any = None,
        initial_epoch: int = 0,
        steps_per_epoch: int | None = None,
        validation_steps: int | None = None,
        validation_batch_size: int | None = None,
        validation_freq: Any = 1,
        *,
        resume_from: str | os.PathLike[str] | None = None,
        **playing: Unpack[Playing],
    ) -> keras.callbacks.History:
        """Trains on an environment, or on arrays as Keras does.

        Args:
            x: An environment, recorded episodes, or data as Keras takes it. An
                environment is a gymnasium id, a `gymnasium.Env`, a
                `gymnasium.vector.VectorEnv`, a callable that makes an env, or
                a TF-Agents environment. Recorded episodes are learned from
                without playing. They are a `minari.MinariDataset`, `minari:`
                followed by the id of one on this machine, or a list with one
                object or mapping per episode, each with `observations`,
                `actions` and `rewards`, such as `minari.EpisodeData`.
            y: Actions, with arrays only.
            batch_size: K, the number of trajectories per iteration, at least 2.
                Defaults to `64`, or to the number of recorded episodes if it
                is less.
            epochs: Epoch to stop at, as in Keras. Defaults to `1`.
            verbose: As in Keras. The bar also shows environment steps per
                second. Above 0, the first line describes how the default
                network encodes observations.
            callbacks: Keras callbacks.
            validation_split: With arrays only.
            validation_data: An environment for greedy evaluation after an
                epoch. The results are logged as `val_episode_return` and
                `val_episode_length`.
            shuffle: With arrays only.
            class_weight: With arrays only.
            sample_weight: With arrays only.
            initial_epoch: As in Keras.
            steps_per_epoch: Iterations per epoch. Defaults to `1`.
            validation_steps: Batches per evaluation. Defaults to `1`.
            validation_batch_size: Trajectories per batch of an evaluation.
                Defaults to `batch_size`.
            validation_freq: As in Keras.
            resume_from: Folder of a `callbacks.Checkpoint`. Training resumes
                after the newest complete checkpoint. The agent must be made
                and compiled as the saved one was. History includes the earlier
                epochs. The folder may be empty if a `Checkpoint` of this `fit`
                writes to it. Defaults to `None`.
            **playing: How to play, see `engines.playing.Options`.

        Returns:
            `keras.callbacks.History` with `loss`, `episode_return` (mean over
            the K trajectories), `episode_return_max`, `episode_length`,
            `elite_threshold`, `num_elites`, `epsilon`, `env_steps`
            (cumulative), `env_restarts` (so far in this call, including
            `validation_data`) and `num_nonfinite` (trajectories and updates
            left out, see `on_nonfinite` of the agent).

        Raises:
            ValueError: If an argument is out of range, or spaces do not fit.
            TypeError: If `x` is neither an environment nor data.
            RuntimeError: If the environment fails more often than
                `max_env_restarts` allows, or a value is not finite and the
                agent does not have `on_nonfinite="skip"`. The weights are
                those after the last complete iteration. In the graph they are
                those after the last complete execution of
                `steps_per_execution` iterations.
        """
        arguments = FitArguments(
            x=x,
            batch_size=batch_size,
            epochs=epochs,
            verbose=verbose,
            callbacks=callbacks,
            validation_data=validation_data,
            initial_epoch=initial_epoch,
            steps_per_epoch=steps_per_epoch,
            validation_steps=validation_steps,
            validation_batch_size=validation_batch_size,
            validation_freq=validation_freq,
            resume_from=resume_from,
            playing=playing,
            for_arrays={
                "y": y,
                "validation_split": validation_split,
                "shuffle": shuffle,
                "class_weight": class_weight,
                "sample_weight": sample_weight,
            },
        )
        if not arguments.is_on_env():
            # A callback of a `fit` on an environment may have called this.
            with self._running(None):
                return super().fit(**arguments.on_arrays())
        arguments.refuse_arrays_only()
        fit_checks.check_ready(self, "fit")
        arguments.check_on_env()
        with self._playing(Run(self._player, prng.VALIDATION_RESETS)) as run:
            return super().fit(**run.begin_fit(self, arguments))

    @takes_playing
    def evaluate(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        verbose: Any = "auto",
        sample_weight: Any = None,
        steps: int | None = None,
        callbacks: Any = None,
        return_dict: bool = False,
        **playing: Unpack[Playing],
    ) -> Any:
        """Plays greedily on an environment, or evaluates arrays as Keras does.

        Without training in between, two calls play the same episodes. The
        validation of `fit` plays different episodes.

        Args:
            x: An environment as in `fit`, or data.
            y: With arrays only.
            batch_size: Episodes per batch. Defaults to `64`.
            verbose: As in Keras.
            sample_weight: With arrays only.
            steps: Number of batches. Defaults to `1`.
            callbacks: Keras callbacks.
            return_dict: Whether to return a dictionary rather than a list.
            **playing: How to play, as in `fit`.

        Returns:
            `episode_return` and `episode_length`, each the mean over all
            episodes.
        """
        playing, internal = split(playing)
        common = {
            "verbose": verbose,
            "callbacks": callbacks,
            "return_dict": return_dict,
            **internal,
        }
        ticks = None if self.run is None else self.run.validation_ticks
        if self.run is not None and ticks is not None and x is ticks:
            # Keras' `fit` calls this for validation.
            with self.run.validating():
                return super().evaluate(x, **common)
        if not sources.is_env(x):
            refuse_given(playing)
            # A callback of a `fit` on an environment may have called this.
            with self._running(None):
                return super().evaluate(
                    x,
                    y,
                    batch_size=batch_size,
                    sample_weight=sample_weight,
                    steps=steps,
                    **common,
                )
        checks.only_for("arrays", y=y, sample_weight=sample_weight)
        fit_checks.check_ready(self, "evaluate")
        checks.at_least(1, batch_size=batch_size, steps=steps)
        run = Run(self._player, prng.EVALUATION_RESETS, testing=True)
        with self._playing(run):
            run.open_test(self, x, batch_size or DEFAULT_BATCH_SIZE, playing)
            return super().evaluate(step_functions.ticks(steps or 1), **common)

    @contextlib.contextmanager
    def _playing(self, run: Run) -> Iterator[Run]:
        fit_checks.check_no_strategy(self._made_under)
        with self._running(run), run.closing():
            yield run

    @contextlib.contextmanager
    def _running(self, run: Run | None) -> Iterator[None]:
        outer = self.run
        set_untracked(self, run=run)
        try:
            yield
        finally:
            set_untracked(self, run=outer)

    def compile(
        self,
        optimizer: Any = "rmsprop",
        loss: Any = None,
        loss_weights: Any = None,
        metrics: Any = None,
        weighted_metrics: Any = None,
        run_eagerly: bool = False,
        steps_per_execution: int = 1,
        jit_compile: Any = "auto",
        auto_scale_loss: bool = True,
    ) -> None:
        """Compiles the agent as `keras.Model.compile` does.

        All functions compiled before are dropped.

        Args:
            optimizer: As in Keras.
            loss: For a Box of actions, a Keras loss that replaces the squared
                error, or a list of one. Defaults to `None`.
            loss_weights: A factor of the loss, or a list of one. It does not
                apply to regularization. Defaults to `None`: 1.
            metrics: As in Keras, for training on arrays. On environments
                History has the metrics that `fit` lists. Defaults to `None`.
            weighted_metrics: As `metrics`. Defaults to `None`.
            run_eagerly: As in Keras. Defaults to `False`.
            steps_per_execution: As in Keras. Defaults to `1`.
            jit_compile: As in Keras. `"auto"` compiles steps on in-graph
                environments with XLA if XLA can compile the policy. Defaults to
                `"auto"`.
            auto_scale_loss: As in Keras. Defaults to `True`.

        Raises:
            ValueError: If an argument is out of range, or there are several
                losses or weights.
            TypeError: If a weight is not a number.
        """
        checks.one_of(("auto", True, False, None), jit_compile=jit_compile)
        if steps_per_execution is None:
            checks.number(steps_per_execution=steps_per_execution)
        checks.at_least(1, steps_per_execution=steps_per_execution)
        loss = compiled_loss.only(loss=loss)
        weight = compiled_loss.only(loss_weights=loss_weights)
        if weight is not None:
            checks.number(loss_weights=weight)
            weight = float(weight)
        set_untracked(self, jit_is_auto=jit_compile == "auto")
        keras_internals.forget_loss(self)
        super().compile(
            optimizer,
            loss,
            weight,
            metrics,
            weighted_metrics,
            run_eagerly,
            steps_per_execution,
            jit_compile,
            auto_scale_loss,
        )
        set_untracked(self, loss_weight=1.0 if weight is None else weight)
        self._player.forget()

    def quantize(self, *args: Any, **kwargs: Any) -> None:
        """As `keras.Model.quantize`; all compiled functions are dropped."""
        super().quantize(*args, **kwargs)
        self._player.forget()

    def get_compile_config(self) -> dict[str, Any]:
        """As in Keras, but keeps `jit_compile="auto"`.

        Keras would save the choice made on this machine.
        """
        if self.compiled and self.built:
            # `compile_from_config` builds the optimizer too. It expects saved
            # variables even if the optimizer has taken no step.
            self.optimizer.build(self.trainable_variables)
        config: dict[str, Any] = super().get_compile_config()
        if config and self.jit_is_auto:
            config["jit_compile"] = "auto"
        return config

    def compile_from_config(self, config: dict[str, Any]) -> None:
        """Compiles with the arguments that `get_compile_config` returned."""
        self.compile(**keras.saving.deserialize_keras_object(config))
        if self.built:
            self.optimizer.build(self.trainable_variables)

    def compute_loss(
        self,
        x: Any = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,
        training: bool = True,
    ) -> Any:
        """Returns the loss on arrays.

        It is the `loss` given to `compile`. Without one it is the head's loss.
        For nested actions it is also the head's, which applies `loss` to its
        boxes.
        """
        of_one_array = isinstance(self.action_space, spaces.Leaf)
        if y is None or (self.loss is not None and of_one_array):
            return super().compute_loss(x, y, y_pred, sample_weight, training)
        return array_checks.loss(self, y, y_pred, sample_weight)

    @property
    def metrics(self) -> list[keras.metrics.Metric]:
        """Metrics of playing while on an environment, else Keras' own."""
        own = self._own_metrics
        if own is None:
            keras_metrics: list[keras.metrics.Metric] = super().metrics
            return keras_metrics
        return [*own.all(), *keras_internals.attribute_metrics(self)]

    @property
    def _own_metrics(self) -> TrainMetrics | TestMetrics | None:
        run = getattr(self, "run", None)
        if run is None:
            return None
        return self.test_metrics if run.testing else self.train_metrics

    def reset_metrics(self) -> None:
        """As in Keras; on an environment, resets all in one call."""
        own = self._own_metrics
        if own is None:
            super().reset_metrics()
        else:
            own.reset(keras_internals.attribute_metrics(self))

    def get_metrics_result(self) -> dict[str, Any]:
        """As in Keras; on an environment, reads all in one call.

        The single call is used outside a step only.
        """
        own = self._own_metrics
        if own is None or not tf.executing_eagerly():
            logs: dict[str, Any] = super().get_metrics_result()
            return logs
        return own.results(keras_internals.attribute_metrics(self))

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

    def follow_epsilon(self, schedule: Schedule) -> None:
        """Sets epsilon from a schedule before each iteration of this `fit`.

        Args:
            schedule: Function of the number of iterations done so far.

        Raises:
            RuntimeError: If no `fit` on an environment is running.
            ValueError: If this `fit` already has a schedule.
        """
        if self.run is None:
            raise RuntimeError(
                "Epsilon can follow a schedule only during `fit` on an "
                "environment, because arrays are not explored. Remove "
                "`EpsilonDecay`."
            )
        self.run.follow_epsilon(schedule)

    @property
    def has_validation(self) -> bool:
        """Whether the running `fit` evaluates on an environment."""
        return self.run is not None and self.run.test is not None

    def make_train_function(self, force: bool = False) -> None:
        """Keras' train function; on an environment, one that plays."""
        self.training.make_function(super().make_train_function, force)

    def make_test_function(self, force: bool = False) -> None:
        """Keras' test function; on an environment, one that plays."""
        self.testing.make_function(super().make_test_function, force)

    def train_step(self, data: Any) -> Any:
        """Improves the policy on trajectories; on arrays, Keras' step."""
        playing = self.training.playing
        if playing is None:
            return super().train_step(data)
        iteration.iterate(self, lambda: playing.play(data))
        return self.get_metrics_result()

    def test_step(self, data: Any) -> Any:
        """Updates the metrics from trajectories; on arrays, Keras' step."""
        playing = self.testing.playing
        if playing is None:
            return super().test_step(data)
        self.test_metrics.update(playing.play(data))
        return self.get_metrics_result()
