"""Keras' methods of training, on environments and on arrays."""

import os
from collections.abc import Container, Mapping, Sequence
from typing import Any, Unpack

import keras
import tensorflow as tf

from keras_cem import heads, prng, spaces
from keras_cem.agent import array_checks, critics, fit_checks, step_functions
from keras_cem.agent.fit_arguments import FitArguments
from keras_cem.agent.fit_callbacks import Callbacks, Verbose
from keras_cem.agent.graph_execution import GraphExecution, Schedule
from keras_cem.agent.metrics import TestMetrics, TrainMetrics
from keras_cem.agent.opening import DEFAULT_BATCH_SIZE
from keras_cem.agent.phases import Testing, Training
from keras_cem.agent.run import JitCompile, Run
from keras_cem.agent.running import entered, follow_epsilon, playing_on
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
from keras_cem.heads.base import Loss
from keras_cem.utils import checks, keras_internals, option_fields
from keras_cem.utils.keras_internals import set_untracked
from keras_cem.utils.tensors import Array, Nest


@fit_checks.refuses_environments(
    "predict", "predict_on_batch", "train_on_batch", "test_on_batch"
)
class EnvironmentTrainer(keras.Model):
    """Lets a `keras.Model` take an environment where Keras takes data.

    `CEMAgent` is a subclass. It has the spaces, the head and the options.

    Attributes:
        run: The running `fit` or `evaluate` on an environment, if any.
    """

    head: heads.Head
    train_metrics: TrainMetrics
    test_metrics: TestMetrics
    graph_execution: GraphExecution
    training: Training
    testing: Testing
    run: Run | None = None
    _player: Player
    made_under: str | None
    loss_weight = 1.0
    jit_is_auto = True
    xla_allowed = True
    xla_deferred = False
    critic_optimizer: keras.optimizers.Optimizer | None = None

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
            made_under=fit_checks.strategy(),
            train_metrics=TrainMetrics(with_critic=self.critic is not None),
            test_metrics=TestMetrics(),
            graph_execution=GraphExecution(self),
            training=Training(self),
            testing=Testing(self),
        )

    @option_fields.documents(Options)
    @takes_playing
    def fit(
        self,
        x: object = None,
        y: Nest | None = None,
        batch_size: int | None = None,
        epochs: int = 1,
        verbose: Verbose = "auto",
        callbacks: Callbacks = None,
        validation_split: float = 0.0,
        validation_data: object = None,
        shuffle: bool = True,
        class_weight: Mapping[int, float] | None = None,
        sample_weight: Array | None = None,
        initial_epoch: int = 0,
        steps_per_epoch: int | None = None,
        validation_steps: int | None = None,
        validation_batch_size: int | None = None,
        validation_freq: int | Container[int] = 1,
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
            left out, see `on_nonfinite` of the agent). Elite steps add
            `critic_loss` and `explained_variance`, workers `workers` and
            `chunks_replayed`.

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
            y=y,
            validation_split=validation_split,
            shuffle=shuffle,
            class_weight=class_weight,
            sample_weight=sample_weight,
        )
        if not arguments.is_on_env():
            with entered(self, None):
                return super().fit(**arguments.on_arrays())
        arguments.refuse_arrays_only()
        fit_checks.check_ready(self, "fit")
        arguments.check_on_env()
        run = Run(self._player, prng.VALIDATION_RESETS)
        with playing_on(self, run):
            return super().fit(**run.begin_fit(self, arguments))

    @takes_playing
    def evaluate(
        self,
        x: object = None,
        y: Nest | None = None,
        batch_size: int | None = None,
        verbose: Verbose = "auto",
        sample_weight: Array | None = None,
        steps: int | None = None,
        callbacks: Callbacks = None,
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
        if self.run is not None and self.run.is_validation(x):
            with self.run.validating():
                return super().evaluate(x, **common)
        if not sources.is_env(x):
            refuse_given(playing)
            arrays = {"y": y, "sample_weight": sample_weight}
            sizes = {"batch_size": batch_size, "steps": steps}
            with entered(self, None):
                return super().evaluate(x, **arrays, **sizes, **common)
        checks.only_for("arrays", y=y, sample_weight=sample_weight)
        fit_checks.check_ready(self, "evaluate")
        checks.at_least(1, batch_size=batch_size, steps=steps)
        run = Run(self._player, prng.EVALUATION_RESETS, testing=True)
        with playing_on(self, run):
            run.open_test(self, x, batch_size or DEFAULT_BATCH_SIZE, playing)
            return super().evaluate(step_functions.ticks(steps or 1), **common)

    def compile(
        self,
        optimizer: str | keras.optimizers.Optimizer | None = "rmsprop",
        loss: Loss | Sequence[Loss] | None = None,
        loss_weights: float | Sequence[float] | None = None,
        metrics: Sequence[object] | None = None,
        weighted_metrics: Sequence[object] | None = None,
        run_eagerly: bool = False,
        steps_per_execution: int = 1,
        jit_compile: JitCompile = "auto",
        auto_scale_loss: bool = True,
        *,
        critic_optimizer: str | keras.optimizers.Optimizer | None = None,
    ) -> None:
        """Compiles the agent as `keras.Model.compile` does.

        All functions compiled before are dropped. The arguments are those of
        Keras. For a Box of actions, `loss` replaces the squared error.
        `loss_weights` is a factor of the loss, which does not apply to
        regularization. `loss` and `loss_weights` may be lists of one. `metrics`
        and `weighted_metrics` are for training on arrays; on environments
        History has the metrics that `fit` lists. `jit_compile="auto"` compiles
        steps on in-graph environments if XLA can compile the policy; `fit` on a
        CPU with `batch_size` up to 64 first does 40 iterations without XLA.
        `critic_optimizer` defaults to a copy of `optimizer`.

        Raises:
            ValueError: If an argument is out of range, or there are several
                losses or weights.
            TypeError: If a weight is not a number.
        """
        fit_checks.check_compile(steps_per_execution, jit_compile)
        loss = compiled_loss.only(loss=loss)
        weight = compiled_loss.weight(loss_weights)
        set_untracked(self, jit_is_auto=jit_compile == "auto")
        keras_internals.forget_loss(self)
        rest = (run_eagerly, steps_per_execution, jit_compile, auto_scale_loss)
        super().compile(
            optimizer, loss, weight, metrics, weighted_metrics, *rest
        )
        set_untracked(self, loss_weight=1.0 if weight is None else weight)
        critics.set_optimizer(self, critic_optimizer)
        self._player.forget()

    def quantize(self, *args: object, **kwargs: object) -> None:
        """As `keras.Model.quantize`; all compiled functions are dropped."""
        super().quantize(*args, **kwargs)
        self._player.forget()

    def get_compile_config(self) -> dict[str, Any]:
        """As in Keras, but keeps `"auto"`, not the choice for this machine."""
        if self.compiled and self.built:
            # `compile_from_config` builds the optimizer too. It expects saved
            # variables even if the optimizer has taken no step.
            critics.build_optimizers(self)
        config: dict[str, Any] = super().get_compile_config()
        if config and self.jit_is_auto:
            config["jit_compile"] = "auto"
        return config and critics.with_optimizer(self, config)

    def compile_from_config(self, config: dict[str, Any]) -> None:
        """Compiles with the arguments that `get_compile_config` returned."""
        self.compile(**keras.saving.deserialize_keras_object(config))
        if self.built:
            critics.build_optimizers(self)

    def compute_loss(
        self,
        x: Nest | None = None,
        y: Nest | None = None,
        y_pred: Nest | None = None,
        sample_weight: Array | None = None,
        training: bool = True,
    ) -> Any:
        """Returns the loss on arrays: that given to `compile`, or the head's.

        For nested actions it is the head's, which applies `loss` to its boxes.
        """
        of_one_array = isinstance(self.action_space, spaces.Leaf)
        if y is None or (self.loss is not None and of_one_array):
            return super().compute_loss(x, y, y_pred, sample_weight, training)
        return array_checks.loss(self, y, y_pred, sample_weight)

    @property
    def metrics(self) -> Any:
        """Metrics of playing while on an environment, else Keras' own."""
        own = self._own_metrics
        if own is None:
            return super().metrics
        return [*own.all(), *keras_internals.attribute_metrics(self)]

    @property
    def _own_metrics(self) -> TrainMetrics | TestMetrics | None:
        if self.run is None:
            return None
        return self.test_metrics if self.run.testing else self.train_metrics

    def reset_metrics(self) -> None:
        """As in Keras; on an environment, resets all in one call."""
        own = self._own_metrics
        if own is None:
            super().reset_metrics()
        else:
            own.reset(keras_internals.attribute_metrics(self))

    def get_metrics_result(self) -> Any:
        """As in Keras; on an environment, outside of steps, in one call."""
        own = self._own_metrics
        if own is None or not tf.executing_eagerly():
            return super().get_metrics_result()
        return own.results(keras_internals.attribute_metrics(self))

    def allow_xla(self, allowed: bool) -> None:
        """Sets whether `jit_compile="auto"` may use XLA; it may at first."""
        set_untracked(self, xla_allowed=allowed)
        if self.training.source is not None:
            self.make_train_function()

    def follow_epsilon(self, schedule: Schedule) -> None:
        """Sets epsilon before each iteration; see `running`."""
        follow_epsilon(self.run, schedule)

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

    def train_step(self, data: object) -> Any:
        """Improves the policy on trajectories; on arrays, Keras' step."""
        return self.training.step(data, super().train_step)

    def test_step(self, data: object) -> Any:
        """Updates the metrics from trajectories; on arrays, Keras' step."""
        return self.testing.step(data, super().test_step)
