"""One trial of `keras-cem tune`: its settings, its trainings, its worth."""

import contextlib
import dataclasses
import logging
import math
import statistics
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any

import keras
import tensorflow as tf
from absl import flags

from keras_cem.cli.flags import from_flags, json_flags
from keras_cem.cli.presets import Value
from keras_cem.cli.tuning import search_space
from keras_cem.prng import MAX_SEED

# Parts of a training after each of which it may be given up. Not epochs, of
# which each trial has another number.
STAGES = 20
# How a machine plays, and what a run is of, which no preset says.
_NOT_IN_PRESETS = {
    "engine",
    "env",
    "episodes",
    "jit_compile",
    "max_env_restarts",
    "num_envs",
    "preset",
    "seed",
    "step_timeout",
    "vectorization_mode",
}

# What goes by iterations or epochs, of which a trial may have another number.
_SCHEDULED = (
    "epsilon_steps",
    "learning_rate_decay_steps",
)

# Takes a number of stages that are over and the best return so far; what it
# raises ends the training.
Report = Callable[[int, float], None]


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What the trainings of a trial came to.

    Attributes:
        episode_return: Mean over the trainings of the mean greedy return.
        env_steps: Mean over the trainings of the steps that they played.
    """

    episode_return: float
    env_steps: float


@dataclasses.dataclass(frozen=True)
class Record:
    """What is kept of a trial that is done.

    Attributes:
        tried: Names of flags and values.
        episode_return: As of its outcome; where it ended early, the best of the
            validations that it had, None if it had none.
        env_steps: As of its outcome; None if it ended early.
        stages: How many it had, of all its trainings.
        failure: Why it could not go on, None if it was not that.
    """

    tried: dict[str, Any]
    episode_return: float | None
    env_steps: float | None
    stages: int
    failure: str | None


class StageReporter(keras.callbacks.Callback):
    """Reports the best validation so far, as often in every training.

    A training that stops early reports what it has for the stages left.

    Args:
        epochs: Of the training.
        report: Takes what is reported.
    """

    def __init__(self, epochs: int, report: Report):
        super().__init__()
        self._epochs = epochs
        self._report = report
        self._best = -math.inf
        self._reported = 0

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Reports the stages that end with this epoch."""
        self._best = max(self._best, float(logs["val_episode_return"]))
        self._report_up_to(STAGES * (epoch + 1) // self._epochs)

    def on_train_end(self, logs: Any = None) -> None:
        """Reports the stages that are left."""
        self._report_up_to(STAGES)

    def _report_up_to(self, stages: int) -> None:
        while self._reported < stages:
            self._reported += 1
            self._report(self._reported, self._best)


def settled(
    values: flags.FlagValues,
    tried: Mapping[str, Any],
    given: Collection[str],
    train_episodes: int,
) -> flags.FlagValues:
    """Returns the flags of a trial.

    Args:
        values: Flags, those of the preset included.
        tried: What the search tries.
        given: Names of flags that are held as they are.
        train_episodes: Episodes to train for, whatever the batch size, unless
            epochs are given. Schedules that the preset has are stretched
            alike.
    """
    copy = search_space.changed(values, tried)
    if copy.elite_memory is None:
        # Nothing to forget.
        json_flags.put(copy, "elite_memory_age", None)
    if "epochs" not in given:
        an_epoch = copy.batch_size * copy.steps_per_epoch
        epochs = max(1, round(train_episodes / an_epoch))
        for name in _SCHEDULED:
            if copy[name].value is not None and name not in given:
                stretched = copy[name].value * epochs / values.epochs
                copy[name].value = max(1, round(stretched))
        copy["epochs"].value = epochs
    return copy


def as_preset(values: flags.FlagValues) -> dict[str, Value]:
    """Returns the settings of a trial that differ from the defaults."""
    found: dict[str, Any] = {
        name: values[name].value
        for name in values
        if name not in _NOT_IN_PRESETS
        and values[name].value != values[name].default
    }
    if "hidden_units" in found:
        found["hidden_units"] = list(from_flags.hidden_units(values))
    return found


def play(values: flags.FlagValues, trainings: int, report: Report) -> Outcome:
    """Trains and evaluates.

    All trials are evaluated on the same episodes, which decide nothing before.
    A training stops at --stop_at only, not at the environment's threshold.

    Args:
        values: Flags of the trial.
        trainings: How many, with the seed of `values` and those after it.
        report: Takes how many stages of all the trainings are over, and the
            mean over the trainings so far of the best validation.

    Raises:
        RuntimeError: If training or playing fails.
    """
    evaluated, env_steps, best = [], [], [0.0] * trainings
    for number in range(trainings):

        def reported(stages: int, value: float, number: int = number) -> None:
            best[number] = value
            so_far = statistics.fmean(best[: number + 1])
            report(number * STAGES + stages, so_far)

        seed = (values.seed + number) % (MAX_SEED + 1)
        with _tracing_again():
            agent = _trained(
                search_space.changed(values, {"seed": seed}), reported
            )
            returns = agent.collect(
                values.env,
                values.episodes,
                seed=(values.seed + trainings) % (MAX_SEED + 1),
                **from_flags.on_host(values),
            ).returns
        evaluated.append(float(returns.mean(dtype="float64")))
        env_steps.append(int(agent.env_steps))
    return Outcome(statistics.fmean(evaluated), statistics.fmean(env_steps))


@contextlib.contextmanager
def _tracing_again() -> Iterator[None]:
    """Keeps TensorFlow from wondering that each agent has its functions."""
    logger = tf.get_logger()
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)


def _trained(values: flags.FlagValues, report: Report) -> Any:
    """The best agent of a training, by greedy evaluation."""
    # Of the trial before, whose functions take memory.
    keras.backend.clear_session()
    agent = from_flags.agent(values)
    best = keras.callbacks.EarlyStopping(
        monitor="val_episode_return",
        mode="max",
        # Never.
        patience=values.epochs,
        restore_best_weights=True,
    )
    agent.fit(
        callbacks=[
            *from_flags.callbacks(values, values.stop_at),
            best,
            StageReporter(values.epochs, report),
        ],
        verbose=0,
        **from_flags.fitting(values),
    )
    return agent
