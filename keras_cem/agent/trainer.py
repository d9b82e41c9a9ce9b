"""`fit` and `evaluate` on environments, as Keras verbs."""

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
        """Makes ready to learn from an environment, or refuses it.

        Args:
            source: What will be played.
            batch_size: K.
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
            x: A gymnasium id, a `gymnasium.Env`, a `gymnasium.vector.VectorEnv`
                or a callable that makes an env; or a TF-Agents environment. Or
                recorded episodes, to learn from the elite ones without playing:
                a `minari.MinariDataset`, `minari:` and the id of one on this
                machine, or a list of objects or mappings with `observations`,
                `actions` and `rewards` of one episode, as `minari.EpisodeData`.
                Or data, as Keras takes it.
            y: Actions, with arrays only.
            batch_size: K, trajectories an iteration, at least 2. Defaults to
                `64`, or to the number of recorded episodes if it is less.
            epochs: Epoch to stop at, as in Keras. Defaults to `1`.
            verbose: As in Keras; the bar shows environment steps a second as
                well. Above 0, the first line says how the default network
                encodes observations.
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
            step_timeout: Seconds that a step or a reset may take with
                `vectorization_mode="async"`; a sub-environment that takes
                longer has failed. Defaults to `None`: as long as it likes.
            max_env_restarts: How often sub-environments that fail may be made
                anew: that raise, or whose process ends or takes too long. What
                they broke off is played again from its own seed, so that
                nothing changes where an environment does the same for the same
                seed and actions. Counted for `validation_data` apart. Defaults
                to `None`: 3 for ids and callables; what is given ready-made
                cannot be made anew.
            engine: `"graph"` plays inside the compiled step, for environments
                of `keras_cem.envs` and ids that have an in-graph version;
                `"host"` steps gymnasium's from Python; `"auto"` takes the
                graph where it can, unless an argument of sub-environments is
                given: `num_envs`, `vectorization_mode`, `step_timeout` or
                `max_env_restarts`. Defaults to `"auto"`.
            resume_from: Folder that `callbacks.Checkpoint` wrote to: goes on
                with that training, after its newest whole checkpoint, in an
                agent made and compiled as that one was. History has its
                epochs as well. Where a `Checkpoint` of this `fit` writes to
                the same folder, nothing need be there yet. Defaults to
                `None`.

        Returns:
            `keras.callbacks.History` with `loss`, `episode_return` (mean of K),
            `episode_return_max`, `episode_length`, `elite_threshold`,
            `num_elites`, `epsilon`, `env_steps` (cumulative) and
            `env_restarts` (so far in this call, `validation_data` included) and
            `num_nonfinite` (trajectories and updates left out, see
            `on_nonfinite` of the agent).

        Raises:
            ValueError: If an argument is out of range, or spaces do not fit.
            TypeError: If `x` is neither environment nor data.
            RuntimeError: If the environment fails more often than it may be
                made anew, or something is not finite, unless the agent has
                `on_nonfinite="skip"`. The weights are those after the last
                whole iteration; in the graph, after the last whole execution
                of `steps_per_execution` iterations.
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
            # A list of epochs is Keras' own affair.
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
        """Restores a training; returns the arguments of `fit` that change."""
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
            step_timeout: As in `fit`.
            max_env_restarts: As in `fit`.
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
        ticks = self._session and self._session.validation_ticks
        if ticks is not None and x is ticks:
            # Keras' `fit` validates.
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
            return super().evaluate(step_functions.ticks(steps or 1), **common)


def _given(env_options: dict[str, Any]) -> dict[str, Any]:
    """Options of playing, None where they are as by default."""
    engine = env_options["engine"]
    return {**env_options, "engine": None if engine == "auto" else engine}
