"""`fit` and `evaluate` on environments, as Keras verbs."""

import contextlib
import dataclasses
import math
from collections.abc import Callable, Iterator
from typing import Any

import keras
import tensorflow as tf

from keras_cem import checks, prng
from keras_cem.environment_play import DEFAULT_BATCH_SIZE, EnvironmentPlay
from keras_cem.graph_steps import GraphSteps
from keras_cem.metrics import TestMetrics, TrainMetrics
from keras_cem.rollouts import feed, sources
from keras_cem.rollouts.acting import compilable
from keras_cem.rollouts.graph import GraphSource
from keras_cem.rollouts.host import EpisodeError
from keras_cem.rollouts.sources import Source
from keras_cem.trajectories import Trajectories


@dataclasses.dataclass
class _Session:
    """What one call of `fit` or `evaluate` on an environment holds."""

    testing: bool
    stream: int
    train: Source | None = None
    test: Source | None = None
    batch_size: int = DEFAULT_BATCH_SIZE
    test_batch_size: int = DEFAULT_BATCH_SIZE
    schedule: Callable[[Any], Any] | None = None
    tested: int = 0


class EnvironmentFit(EnvironmentPlay):
    """Lets a `keras.Model` take an environment where Keras takes data.

    The dataset Keras sees holds ticks without content. Each tick is swapped
    for trajectories when its step is due, so that they are played with the
    weights that the step starts from (`rollouts.feed`).
    """

    train_function: Any
    test_function: Any
    jit_compile: Any

    def _prepare_fit(self) -> None:
        self._prepare_play()
        # Past Keras' tracking: none of this is saved, and an environment must
        # not be walked through by `save`.
        for name, value in (
            ("train_metrics", TrainMetrics()),
            ("test_metrics", TestMetrics()),
            ("_session", None),
            ("_jit_is_auto", True),
            ("_graph", GraphSteps(self)),
        ):
            object.__setattr__(self, name, value)

    @property
    def metrics(self) -> list[Any]:
        """Metrics of the environment while on one, else Keras' own."""
        session = getattr(self, "_session", None)
        if session is None:
            return super().metrics
        return (
            self.test_metrics if session.testing else self.train_metrics
        ).all()

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
        num_envs: int | None = None,
        vectorization_mode: str | None = None,
        max_episode_steps: int | None = None,
        engine: str = "auto",
    ) -> keras.callbacks.History:
        """Trains on an environment, or on arrays as Keras does.

        Args:
            x: A gymnasium id, a `gymnasium.Env`, a `gymnasium.vector.VectorEnv`
                or a callable that makes an env. Or data, as Keras takes it.
            y: Actions, with arrays only.
            batch_size: K, trajectories an iteration, at least 2. Defaults to
                `64`.
            epochs: Epoch to stop at, as in Keras. Defaults to `1`.
            verbose: As in Keras.
            callbacks: Keras callbacks.
            validation_split: With arrays only.
            validation_data: An environment to evaluate on greedily after an
                epoch, logged as `val_episode_return` and
                `val_episode_length`.
            shuffle: With arrays only.
            class_weight: With arrays only.
            sample_weight: With arrays only.
            initial_epoch: As in Keras.
            steps_per_epoch: Iterations an epoch. Defaults to `1`.
            validation_steps: Batches an evaluation. Defaults to `1`.
            validation_batch_size: Trajectories a batch of an evaluation.
                Defaults to `batch_size`.
            validation_freq: As in Keras.
            num_envs: Sub-environments to play in. Defaults to as many as
                `batch_size`, at most 256.
            vectorization_mode: `"sync"`, one after the other in this process;
                `"async"`, a process each; `"vector_entry_point"`, the
                environment's own vector version. Defaults to `"sync"`.
            max_episode_steps: Truncates every episode after so many steps.
                Defaults to the environment's own limit, and must be given
                where it has none.
            engine: `"graph"` plays inside the compiled step, for environments
                of `keras_cem.envs` and ids that have an in-graph version;
                `"host"` steps gymnasium's from Python; `"auto"` takes the
                graph where it can, unless `num_envs` or `vectorization_mode`
                is given. Defaults to `"auto"`.

        Returns:
            `keras.callbacks.History` with `loss`, `episode_return` (mean of K),
            `episode_return_max`, `episode_length`, `elite_threshold`,
            `num_elites`, `epsilon` and `env_steps` (cumulative).

        Raises:
            ValueError: If an argument is out of range, or spaces do not fit.
            TypeError: If `x` is neither environment nor data.
            RuntimeError: If the environment fails, or something is not finite.
                The weights are those after the last whole iteration.
        """
        env_options = {
            "num_envs": num_envs,
            "vectorization_mode": vectorization_mode,
            "max_episode_steps": max_episode_steps,
            "engine": engine,
        }
        common = {
            "epochs": epochs,
            "verbose": verbose,
            "callbacks": callbacks,
            "initial_epoch": initial_epoch,
            "validation_freq": validation_freq,
        }
        if not sources.is_env(x):
            checks.only_for(
                "an environment",
                **{
                    **env_options,
                    "engine": None if engine == "auto" else engine,
                },
            )
            if validation_data is not None and sources.is_env(
                validation_data, "validation_data"
            ):
                raise TypeError(
                    "`validation_data` must be data where `x` is. Received: "
                    f"validation_data={validation_data!r}, x of type "
                    f"{type(x).__name__}"
                )
            return super().fit(
                x,
                y,
                batch_size=batch_size,
                validation_split=validation_split,
                validation_data=validation_data,
                shuffle=shuffle,
                class_weight=class_weight,
                sample_weight=sample_weight,
                steps_per_epoch=steps_per_epoch,
                validation_steps=validation_steps,
                validation_batch_size=validation_batch_size,
                **common,
            )
        checks.only_for(
            "arrays",
            y=y,
            validation_split=validation_split or None,
            shuffle=None if shuffle is True else shuffle,
            class_weight=class_weight,
            sample_weight=sample_weight,
        )
        self.check_ready("fit")
        checks.at_least(
            1,
            epochs=epochs,
            steps_per_epoch=steps_per_epoch,
            validation_steps=validation_steps,
            validation_batch_size=validation_batch_size,
        )
        checks.at_least(
            2,
            "A single trajectory cannot exceed its own quantile.",
            batch_size=batch_size,
        )
        with self._on_environment(
            testing=False, stream=prng.VALIDATION_RESETS
        ) as session:
            session.batch_size = batch_size or DEFAULT_BATCH_SIZE
            session.test_batch_size = (
                validation_batch_size or session.batch_size
            )
            session.train = self._open(x, session.batch_size, env_options)
            validation = None
            if validation_data is not None:
                if not sources.is_env(validation_data, "validation_data"):
                    raise TypeError(
                        "`validation_data` must be an environment where `x` "
                        "is one. Received: validation_data of type "
                        f"{type(validation_data).__name__}"
                    )
                session.test = self._open(
                    validation_data, session.test_batch_size, env_options
                )
                validation = feed.ticks(validation_steps or 1)
            self.optimizer.build(self.trainable_variables)
            # BackupAndRestore sets it, and nothing clears it (keras 3.15).
            self._initial_epoch = None
            return super().fit(
                feed.ticks(steps_per_epoch or 1),
                validation_data=validation,
                shuffle=False,
                **common,
            )

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
        *,
        num_envs: int | None = None,
        vectorization_mode: str | None = None,
        max_episode_steps: int | None = None,
        engine: str = "auto",
        **kwargs: Any,
    ) -> Any:
        """Plays greedily on an environment, or evaluates arrays as Keras does.

        Two calls of an agent that did not learn in between play the same
        episodes. Those of `fit`'s validation are others.

        Args:
            x: An environment as in `fit`, or data.
            y: With arrays only.
            batch_size: Episodes a batch. Defaults to `64`.
            verbose: As in Keras.
            sample_weight: With arrays only.
            steps: Batches. Defaults to `1`.
            callbacks: Keras callbacks.
            return_dict: Whether to return a dictionary rather than a list.
            num_envs: As in `fit`.
            vectorization_mode: As in `fit`.
            max_episode_steps: As in `fit`.
            engine: As in `fit`.
            **kwargs: What Keras passes to itself.

        Returns:
            `episode_return` and `episode_length`, means over all episodes.
        """
        common = {
            "verbose": verbose,
            "callbacks": callbacks,
            "return_dict": return_dict,
            **kwargs,
        }
        if kwargs.get("_use_cached_eval_dataset") and self._session is not None:
            # Keras' `fit` validates; x are the ticks made there.
            self._session.testing, self._session.tested = True, 0
            try:
                return super().evaluate(x, **common)
            finally:
                self._session.testing = False
        env_options = {
            "num_envs": num_envs,
            "vectorization_mode": vectorization_mode,
            "max_episode_steps": max_episode_steps,
            "engine": engine,
        }
        if not sources.is_env(x):
            checks.only_for(
                "an environment",
                **{
                    **env_options,
                    "engine": None if engine == "auto" else engine,
                },
            )
            # Perhaps called by a callback of a `fit` on an environment.
            with self._in_session(None):
                return super().evaluate(
                    x,
                    y,
                    batch_size=batch_size,
                    sample_weight=sample_weight,
                    steps=steps,
                    **common,
                )
        checks.only_for("arrays", y=y, sample_weight=sample_weight)
        self.check_ready("evaluate")
        checks.at_least(1, batch_size=batch_size, steps=steps)
        with self._on_environment(
            testing=True, stream=prng.EVALUATION_RESETS
        ) as session:
            session.test_batch_size = batch_size or DEFAULT_BATCH_SIZE
            session.test = self._open(x, session.test_batch_size, env_options)
            return super().evaluate(feed.ticks(steps or 1), **common)

    def compile(
        self,
        optimizer: Any = "rmsprop",
        loss: Any = None,
        *args: Any,
        jit_compile: Any = "auto",
        **kwargs: Any,
    ) -> None:
        """As `keras.Model.compile`.

        Args:
            optimizer: As in Keras.
            loss: For a Box of actions, a Keras loss to take instead of the
                mean square. Defaults to `None`.
            *args: As in Keras.
            jit_compile: As in Keras; `"auto"` compiles steps on in-graph
                environments with XLA wherever the policy can be. Defaults to
                `"auto"`.
            **kwargs: As in Keras.
        """
        object.__setattr__(self, "_jit_is_auto", jit_compile == "auto")
        super().compile(
            optimizer, loss, *args, jit_compile=jit_compile, **kwargs
        )

    def get_compile_config(self) -> dict[str, Any]:
        """As in Keras, but for `"auto"`, which is another's on each machine."""
        config = super().get_compile_config()
        if config and self._jit_is_auto:
            config["jit_compile"] = "auto"
        return config

    def compile_from_config(self, config: dict[str, Any]) -> None:
        """Compiles as `get_compile_config` said."""
        self.compile(**keras.saving.deserialize_keras_object(config))
        if self.built:
            self.optimizer.build(self.trainable_variables)

    def follow_epsilon(self, schedule: Callable[[Any], Any]) -> None:
        """Sets epsilon from a schedule before each iteration of this `fit`.

        Args:
            schedule: Function of the number of iterations done so far.
        """
        if self._session is None:
            raise RuntimeError(
                "Epsilon can follow a schedule during `fit` on an environment "
                "only: arrays are not explored. Leave out `EpsilonDecay`."
            )
        self._session.schedule = schedule

    @property
    def has_validation(self) -> bool:
        """Whether the running `fit` evaluates on an environment."""
        return self._session is not None and self._session.test is not None

    def make_train_function(self, force: bool = False) -> None:
        """Keras' train function; on an environment, one that plays."""
        self._make_either("train_function", super().make_train_function, force)

    def make_test_function(self, force: bool = False) -> None:
        """Keras' test function; on an environment, one that plays."""
        self._make_either("test_function", super().make_test_function, force)

    def _make_either(
        self, name: str, make: Callable[..., Any], force: bool
    ) -> None:
        # Kept from one fit to the next; `compile` drops it.
        either = getattr(self, name)
        if force or not isinstance(either, feed.Either):
            either = feed.Either(lambda: _kind(self._source_of(name)))
        source = self._source_of(name)
        if _kind(source) not in either.functions:
            with self._jit_for(source):
                make(force=True)
            function = getattr(self, name)
            if source is not None:
                function = self._playing(function, name, source)
            either.functions[_kind(source)] = function
        setattr(self, name, either)

    def _source_of(self, name: str) -> Source | None:
        """What the train or the test function plays now; None for arrays."""
        session = self._session
        if session is None:
            return None
        return session.train if name == "train_function" else session.test

    def _playing(
        self, function: Callable[..., Any], name: str, source: Source
    ) -> Callable[..., Any]:
        training = name == "train_function"
        if isinstance(source, GraphSource):
            return feed.InGraph(
                function,
                lambda: self._graph.begin(
                    self._session.schedule, self.steps_per_execution
                ),
                lambda: self._graph.end(source.name),
            )
        return feed.OnDemand(
            function,
            self._collect_train if training else self._collect_test,
            self.steps_per_execution,
            check=self._check_loss if training else None,
        )

    @contextlib.contextmanager
    def _jit_for(self, source: Source | None) -> Iterator[None]:
        """`jit_compile="auto"` means XLA for in-graph environments."""
        before = self.jit_compile
        if isinstance(source, GraphSource) and self._jit_is_auto:
            self.jit_compile = not self.run_eagerly and compilable(
                self.policy, source.observation_space, source.batch_size
            )
        try:
            yield
        finally:
            self.jit_compile = before

    def _played_for_training(self, data: Any) -> Any:
        """Trajectories of an iteration; None if `data` are arrays."""
        if isinstance(data, Trajectories):
            return data
        source = self._source_of("train_function")
        if isinstance(source, GraphSource):
            return self._graph.play_for_training(source)
        return None

    def _played_for_testing(self, data: Any) -> Any:
        """Trajectories of an evaluation; None if `data` are arrays."""
        if isinstance(data, Trajectories):
            return data
        source = self._source_of("test_function")
        if isinstance(source, GraphSource):
            stream = self._session.stream
            return self._graph.play_for_testing(source, stream, data)
        return None

    @contextlib.contextmanager
    def _on_environment(self, testing: bool, stream: int) -> Iterator[_Session]:
        session = _Session(testing, stream)
        try:
            with self._in_session(session):
                yield session
        except EpisodeError as error:
            # Keras' filter of tracebacks has dropped it (keras 3.15,
            # traceback_utils.py).
            raise error from error.cause
        finally:
            for source in (session.train, session.test):
                if source is not None:
                    source.close()

    @contextlib.contextmanager
    def _in_session(self, session: _Session | None) -> Iterator[None]:
        outer = self._session
        object.__setattr__(self, "_session", session)
        try:
            yield
        finally:
            object.__setattr__(self, "_session", outer)

    def _collect_train(self) -> Trajectories:
        session = self._session
        if session.schedule is not None:
            self.epsilon.assign(session.schedule(self.iteration.value))
        played = self._player.play(
            session.train,
            session.batch_size,
            prng.TRAINING_RESETS,
            epsilon=float(self.epsilon),
        )
        return tf.nest.map_structure(tf.convert_to_tensor, played)

    def _collect_test(self) -> Trajectories:
        session = self._session
        size = session.test_batch_size
        first, session.tested = session.tested, session.tested + size
        played = self._player.play(
            session.test, size, session.stream, epsilon=None, first=first
        )
        return tf.nest.map_structure(tf.convert_to_tensor, played)

    def _check_loss(self, logs: dict[str, Any]) -> None:
        loss = float(logs["loss"])
        if not math.isfinite(loss):
            raise RuntimeError(
                "The loss or its gradient is not finite: "
                f"loss={loss} in iteration {int(self.iteration)}. The weights "
                "stay what they were before it. A smaller learning rate or "
                "`clipnorm` of the optimizer is the usual cure."
            )

    def check_ready(self, verb: str) -> None:
        """Refuses an agent that is not compiled, or with a loss that cannot be.

        Args:
            verb: What the caller is about to do, for the message.
        """
        if not self.compiled:
            raise ValueError(
                f"`{verb}` needs `compile` first. Received: an agent that is "
                "not compiled. Call `agent.compile(optimizer=...)`."
            )
        # Refuses a loss that means nothing for the action space.
        _ = self.training_head


def _kind(source: Source | None) -> Any:
    """What Keras' functions are told apart by."""
    if isinstance(source, GraphSource):
        return source.key
    return type(source)
