"""`fit` and `evaluate` of Keras, on environments."""

import collections.abc
import os
import pathlib
from typing import Any

import keras

from keras_cem import prng
from keras_cem.agent import fit_callbacks, step_functions
from keras_cem.agent.environment_play import DEFAULT_BATCH_SIZE
from keras_cem.agent.run import EnvironmentFunctions, Session
from keras_cem.algorithm import weight_averages
from keras_cem.engines import sources
from keras_cem.engines.recorded.source import is_recorded
from keras_cem.saving import resuming
from keras_cem.utils import checks, keras_internals


class EnvironmentFit(EnvironmentFunctions):
    """Lets a `keras.Model` take an environment where Keras takes data."""

    def prepare_for(self, source: sources.Source, batch_size: int) -> None:
        """Prepares the agent to learn from an environment, or refuses it.

        Args:
            source: The environment, or the recorded episodes.
            batch_size: K, the number of trajectories per iteration.
        """
        raise NotImplementedError

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
        step_timeout: float | None = None,
        max_env_restarts: int | None = None,
        engine: str = "auto",
        resume_from: str | os.PathLike[str] | None = None,
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
            num_envs: Number of sub-environments. Defaults to as many as
                `batch_size`, at most 256.
            vectorization_mode: `"sync"` steps the sub-environments one after
                the other in this process. `"async"` runs one process per
                sub-environment. `"vector_entry_point"` uses the environment's
                own vector version. Defaults to `"sync"`.
            max_episode_steps: Truncates every episode after this number of
                steps. Defaults to the environment's own limit. It is required
                if the environment has none.
            step_timeout: Time limit in seconds for one step or reset with
                `vectorization_mode="async"`. A sub-environment that takes
                longer has failed. Defaults to `None`: no limit.
            max_env_restarts: Maximum number of restarts of failed
                sub-environments. A sub-environment fails if it raises, its
                process ends, or it exceeds `step_timeout`. Its interrupted
                episodes are played again from their own seeds. If the
                environment is deterministic given seed and actions, a restart
                changes no result. `validation_data` has a count of its own.
                Defaults to `None`: 3 for ids and callables. Environment
                objects cannot be restarted.
            engine: `"graph"` plays inside the compiled step. It is for
                environments of `keras_cem.envs` and ids with an in-graph
                version. `"host"` steps gymnasium environments from Python.
                `"auto"` chooses the graph if possible, unless an argument of
                sub-environments is given: `num_envs`, `vectorization_mode`,
                `step_timeout` or `max_env_restarts`. Defaults to `"auto"`.
            resume_from: Folder of a `callbacks.Checkpoint`. Training resumes
                after the newest complete checkpoint. The agent must be made
                and compiled as the saved one was. History includes the earlier
                epochs. The folder may be empty if a `Checkpoint` of this `fit`
                writes to it. Defaults to `None`.

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
        env_options = {
            "num_envs": num_envs,
            "vectorization_mode": vectorization_mode,
            "max_episode_steps": max_episode_steps,
            "step_timeout": step_timeout,
            "max_env_restarts": max_env_restarts,
            "engine": engine,
        }
        common = {
            "epochs": epochs,
            "verbose": verbose,
            "callbacks": callbacks,
            "initial_epoch": initial_epoch,
            "validation_freq": validation_freq,
        }
        if x is None:
            raise TypeError(
                f"`x` must be an environment ({sources.FORMS}) or data. "
                "Received: x=None"
            )
        if not sources.is_env(x):
            checks.only_for(
                "an environment",
                **_given(env_options),
                resume_from=resume_from,
            )
            if validation_data is not None and sources.is_env(
                validation_data, "validation_data"
            ):
                raise TypeError(
                    "`validation_data` must be data where `x` is. Received: "
                    f"validation_data={validation_data!r}, x of type "
                    f"{type(x).__name__}"
                )
            # A callback of a `fit` on an environment may have called this.
            with self._in_session(None):
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
        checks.at_least(0, initial_epoch=initial_epoch)
        if validation_data is None:
            checks.only_for(
                "`validation_data`",
                validation_steps=validation_steps,
                validation_batch_size=validation_batch_size,
            )
        if not isinstance(validation_freq, collections.abc.Container):
            # Keras checks a list of epochs itself.
            checks.at_least(1, validation_freq=validation_freq)
        checks.at_least(
            2,
            "A single trajectory cannot exceed its own quantile.",
            batch_size=batch_size,
        )
        arranged = fit_callbacks.arrange(callbacks, verbose)
        with self._on_environment(
            testing=False, stream=prng.VALIDATION_RESETS
        ) as session:
            session.batch_size = batch_size or DEFAULT_BATCH_SIZE
            if is_recorded(x):
                if validation_data is None:
                    checks.only_for("an environment", **_given(env_options))
                session.train = self._open_recorded(x, batch_size)
                session.batch_size = session.train.batch_size
            else:
                session.train = self._open(x, session.batch_size, env_options)
            session.test_batch_size = (
                validation_batch_size or session.batch_size
            )
            self.prepare_for(session.train, session.batch_size)
            self.graph_steps.begin_fit(session.batch_size)
            validation = None
            if validation_data is not None:
                if not sources.is_env(validation_data, "validation_data"):
                    raise TypeError(
                        "`validation_data` must be an environment where `x` "
                        "is one. Received: validation_data of type "
                        f"{type(validation_data).__name__}"
                    )
                session.test = self._open(
                    validation_data,
                    session.test_batch_size,
                    env_options,
                    argument="validation_data",
                )
                validation = step_functions.ticks(validation_steps or 1)
                session.validation_ticks = validation
            self.check_can_learn()
            self.optimizer.build(self.trainable_variables)
            weight_averages.begin(self.optimizer)
            self.check_finite()
            keras_internals.clear_initial_epoch(self)
            session.callbacks = arranged
            common["callbacks"] = session.callbacks
            if resume_from is not None:
                common |= self._resumed(
                    session, resume_from, steps_per_epoch or 1, common
                )
            if verbose:
                fit_callbacks.say_network(self)
            return super().fit(
                **step_functions.training_ticks(
                    steps_per_epoch or 1, self.steps_per_execution
                ),
                validation_data=validation,
                shuffle=False,
                **common,
            )

    def _resumed(
        self,
        session: Session,
        resume_from: str | os.PathLike[str],
        steps: int,
        arguments: dict[str, Any],
    ) -> dict[str, Any]:
        """Restores a training and returns the changed arguments of `fit`."""
        if arguments["initial_epoch"]:
            raise ValueError(
                "`initial_epoch` must be left to `resume_from`. Received: "
                f"initial_epoch={arguments['initial_epoch']}"
            )
        if not isinstance(resume_from, (str, os.PathLike)) or not resume_from:
            raise TypeError(
                "`resume_from` must be the path of a folder. "
                f"Received: resume_from={resume_from!r}"
            )
        directory = pathlib.Path(resume_from).resolve()
        session.resume_from = directory
        state = resuming.resume(self, directory, session.callbacks)
        if state is None:
            return {}
        epochs = arguments["epochs"]
        if epochs < state.epochs:
            raise ValueError(
                f"`epochs` must be at least the {state.epochs} that are done. "
                f"Received: epochs={epochs}, resume_from={str(directory)!r}"
            )
        executions = -(-steps // self.steps_per_execution)
        if state.executions > executions:
            raise ValueError(
                "`steps_per_epoch` must be what it was before training was "
                f"interrupted, after {state.executions} executions of an "
                f"epoch. Received: steps_per_epoch={steps}, "
                f"steps_per_execution={self.steps_per_execution}"
            )
        restored = resuming.Restored(state, session.callbacks)
        return {
            "callbacks": [*session.callbacks, restored],
            "initial_epoch": epochs if state.stopped else state.epochs,
        }

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
        step_timeout: float | None = None,
        max_env_restarts: int | None = None,
        engine: str = "auto",
        **kwargs: Any,
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
            num_envs: As in `fit`.
            vectorization_mode: As in `fit`.
            max_episode_steps: As in `fit`.
            step_timeout: As in `fit`.
            max_env_restarts: As in `fit`.
            engine: As in `fit`.
            **kwargs: Internal arguments of Keras.

        Returns:
            `episode_return` and `episode_length`, each the mean over all
            episodes.
        """
        common = {
            "verbose": verbose,
            "callbacks": callbacks,
            "return_dict": return_dict,
            **kwargs,
        }
        ticks = self._session and self._session.validation_ticks
        if ticks is not None and x is ticks:
            # Keras' `fit` calls this for validation.
            self._session.testing, self._session.tested = True, 0
            try:
                return super().evaluate(x, **common)
            finally:
                self._session.testing = False
        env_options = {
            "num_envs": num_envs,
            "vectorization_mode": vectorization_mode,
            "max_episode_steps": max_episode_steps,
            "step_timeout": step_timeout,
            "max_env_restarts": max_env_restarts,
            "engine": engine,
        }
        if not sources.is_env(x):
            checks.only_for("an environment", **_given(env_options))
            # A callback of a `fit` on an environment may have called this.
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
            return super().evaluate(step_functions.ticks(steps or 1), **common)


def _given(env_options: dict[str, Any]) -> dict[str, Any]:
    """Returns the options of playing, with None for each default value."""
    engine = env_options["engine"]
    return {**env_options, "engine": None if engine == "auto" else engine}
