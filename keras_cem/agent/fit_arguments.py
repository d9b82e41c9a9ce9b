"""The arguments of `fit`, and their checks."""

import dataclasses
import os
import pathlib
from collections.abc import Container
from typing import Any

from keras_cem.agent.fit_callbacks import Callbacks, Verbose
from keras_cem.engines import sources
from keras_cem.engines.playing import Playing, refuse_given
from keras_cem.saving.training_state import TrainingState
from keras_cem.utils import checks


@dataclasses.dataclass(frozen=True, kw_only=True)
class FitArguments:
    """Arguments of `fit`, as `EnvironmentTrainer.fit` documents them.

    Attributes:
        playing: Arguments of playing.
        y: With arrays only, as those that follow it.
    """

    x: object
    batch_size: int | None
    epochs: int
    verbose: Verbose
    callbacks: Callbacks
    validation_data: object
    initial_epoch: int
    steps_per_epoch: int | None
    validation_steps: int | None
    validation_batch_size: int | None
    validation_freq: int | Container[int]
    resume_from: str | os.PathLike[str] | None
    playing: Playing
    y: object
    validation_split: float
    shuffle: bool
    class_weight: object
    sample_weight: object

    @property
    def steps(self) -> int:
        """Number of iterations per epoch."""
        return self.steps_per_epoch or 1

    def is_on_env(self) -> bool:
        """Whether `x` is an environment or recorded episodes, not data.

        Raises:
            TypeError: If it is neither.
        """
        if self.x is None:
            raise TypeError(
                f"`x` must be an environment ({sources.FORMS}) or data. "
                "Received: x=None"
            )
        return sources.is_env(self.x)

    @property
    def _for_arrays(self) -> dict[str, Any]:
        return {
            "y": self.y,
            "validation_split": self.validation_split,
            "shuffle": self.shuffle,
            "class_weight": self.class_weight,
            "sample_weight": self.sample_weight,
        }

    def loop(self) -> dict[str, Any]:
        """Arguments of Keras' `fit` that mean the same on any data."""
        return {
            "epochs": self.epochs,
            "verbose": self.verbose,
            "initial_epoch": self.initial_epoch,
            "validation_freq": self.validation_freq,
        }

    def on_arrays(self) -> dict[str, Any]:
        """Returns the arguments of Keras' `fit` on arrays.

        Raises:
            ValueError: If an argument is for environments only.
            TypeError: If `validation_data` is an environment.
        """
        refuse_given(self.playing)
        checks.only_for("an environment", resume_from=self.resume_from)
        validation_data = self.validation_data
        if validation_data is not None and sources.is_env(
            validation_data, "validation_data"
        ):
            raise TypeError(
                "`validation_data` must be data if `x` is data. Received: "
                f"validation_data={validation_data!r}, x of type "
                f"{type(self.x).__name__}"
            )
        return {
            "x": self.x,
            "batch_size": self.batch_size,
            "callbacks": self.callbacks,
            "validation_data": validation_data,
            "steps_per_epoch": self.steps_per_epoch,
            "validation_steps": self.validation_steps,
            "validation_batch_size": self.validation_batch_size,
            **self.loop(),
            **self._for_arrays,
        }

    def check_on_env(self) -> None:
        """Refuses arguments that are out of range on an environment.

        Raises:
            ValueError: If there is one.
        """
        checks.not_none(epochs=self.epochs, initial_epoch=self.initial_epoch)
        checks.at_least(
            1,
            epochs=self.epochs,
            steps_per_epoch=self.steps_per_epoch,
            validation_steps=self.validation_steps,
            validation_batch_size=self.validation_batch_size,
        )
        checks.at_least(0, initial_epoch=self.initial_epoch)
        if self.validation_data is None:
            checks.only_for(
                "`validation_data`",
                validation_steps=self.validation_steps,
                validation_batch_size=self.validation_batch_size,
            )
        if not isinstance(self.validation_freq, Container):
            # Keras checks a list of epochs itself.
            checks.at_least(1, validation_freq=self.validation_freq)
        checks.at_least(
            2,
            "A single trajectory cannot exceed its own quantile.",
            batch_size=self.batch_size,
        )

    def refuse_arrays_only(self) -> None:
        """Refuses arguments that environments do not take.

        Raises:
            ValueError: If one is given.
        """
        checks.only_for(
            "arrays",
            **{
                **self._for_arrays,
                "validation_split": self.validation_split or None,
                "shuffle": None if self.shuffle is True else self.shuffle,
            },
        )

    def checkpoints(self) -> pathlib.Path:
        """Returns the folder of checkpoints from which to resume.

        Raises:
            TypeError: If `resume_from` is not a path.
            ValueError: If `initial_epoch` is given too.
        """
        if self.initial_epoch:
            raise ValueError(
                "`initial_epoch` must not be given with `resume_from`, which "
                "sets it. Received: "
                f"initial_epoch={self.initial_epoch}"
            )
        folder = self.resume_from
        if not isinstance(folder, (str, os.PathLike)) or not folder:
            raise TypeError(
                "`resume_from` must be the path of a folder. "
                f"Received: resume_from={folder!r}"
            )
        return pathlib.Path(folder).resolve()

    def check_resumed(
        self, state: TrainingState, steps_per_execution: int
    ) -> None:
        """Refuses arguments that contradict the training resumed.

        Args:
            state: State of the training.
            steps_per_execution: As given to `compile`.

        Raises:
            ValueError: If there is one.
        """
        if self.epochs < state.epochs:
            raise ValueError(
                f"`epochs` must be at least {state.epochs}, the number of "
                f"epochs already done. Received: epochs={self.epochs}, "
                f"resume_from={str(self.checkpoints())!r}"
            )
        if state.executions > -(-self.steps // steps_per_execution):
            raise ValueError(
                "`steps_per_epoch` and `steps_per_execution` must not change "
                "when training resumes within an epoch, here after "
                f"{state.executions} executions. Received: "
                f"steps_per_epoch={self.steps}, "
                f"steps_per_execution={steps_per_execution}"
            )


def check_validation(validation_data: object) -> None:
    """Refuses validation data for a `fit` on an environment.

    Raises:
        TypeError: If it is no environment.
    """
    if not sources.is_env(validation_data, "validation_data"):
        raise TypeError(
            "`validation_data` must be an environment if `x` is one. "
            "Received: validation_data of type "
            f"{type(validation_data).__name__}"
        )
