"""One trial of `keras-cem tune`: its settings, trainings and result."""

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
from keras_cem.engines.playing import HOST_OPTIONS
from keras_cem.prng import MAX_SEED

# Number of stages per training; a trial may be pruned after each. Epochs would
# not do, because their number differs between trials.
STAGES_PER_TRAINING = 20
# Flags and keys about the machine or the run, which are not in presets.
_NOT_IN_PRESETS = {
    *HOST_OPTIONS,
    "engine",
    "env",
    "env_kwargs",
    "episodes",
    "jit_compile",
    "preset",
    "seed",
    "wrapper",
}

# Flags in iterations or epochs, whose number may differ between trials.
_SCHEDULED = (
    "epsilon_steps",
    "learning_rate_decay_steps",
)

# Takes the number of finished stages and the best return so far. An exception
# that it raises ends the training.
Report = Callable[[int, float], None]


@dataclasses.dataclass(frozen=True)
class Outcome:
    """The result of a trial.

    Attributes:
        episode_return: Mean greedy return per training, averaged over the
            trainings.
        env_steps: Environment steps per training, averaged over the trainings.
    """

    episode_return: float
    env_steps: float


@dataclasses.dataclass(frozen=True)
class Record:
    """The stored record of a finished trial.

    Attributes:
        tried: Values by name of flag.
        episode_return: As in `Outcome`. If the trial ended early, its best
            validation, or None if it had none.
        env_steps: As in `Outcome`; None if the trial ended early.
        stages: Number of finished stages, over all its trainings.
        failure: Reason of a failure, None if the trial did not fail.
    """

    tried: dict[str, Any]
    episode_return: float | None
    env_steps: float | None
    stages: int
    failure: str | None


class StageReporter(keras.callbacks.Callback):
    """Reports the best validation so far, equally often in each training.

    A training that stops early reports its best validation for the remaining
    stages.

    Args:
        epochs: Number of epochs of the training.
        report: Receives the reports.
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
        self._report_up_to(STAGES_PER_TRAINING * (epoch + 1) // self._epochs)

    def on_train_end(self, logs: Any = None) -> None:
        """Reports the remaining stages."""
        self._report_up_to(STAGES_PER_TRAINING)

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
        values: The flags, including those of the preset.
        tried: Values that the search tries, by name.
        given: Names of the flags that stay fixed.
        train_episodes: Number of training episodes, for any batch size. It
            sets the number of epochs and scales schedules of the preset in
            proportion. Ignored if `epochs` is in `given`.
    """
    copy = search_space.changed(values, tried)
    if json_flags.get(copy, "elite_memory") is None:
        # Without a memory, its age has no meaning.
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
    for name in json_flags.KEYS.keys() & found.keys():
        found[name] = {
            key: value
            for key, value in found[name].items()
            if key not in _NOT_IN_PRESETS
        }
        if not found[name]:
            del found[name]
    if "hidden_units" in found:
        found["hidden_units"] = list(from_flags.hidden_units(values))
    return found


def play(values: flags.FlagValues, trainings: int, report: Report) -> Outcome:
    """Trains and evaluates the agents of a trial.

    All trials are evaluated on the same episodes. No earlier decision depends
    on these episodes. A training stops early at --stop_at only, not at the
    environment's threshold.

    Args:
        values: Flags of the trial.
        trainings: Number of trainings. The first has the seed of `values`, the
            others the seeds that follow.
        report: Takes the number of finished stages of all trainings, and the
            best validation averaged over the trainings so far.

    Raises:
        RuntimeError: If training or playing fails.
    """
    evaluated, env_steps, best = [], [], [0.0] * trainings
    for number in range(trainings):

        def reported(stages: int, value: float, number: int = number) -> None:
            best[number] = value
            so_far = statistics.fmean(best[: number + 1])
            report(number * STAGES_PER_TRAINING + stages, so_far)

        seed = (values.seed + number) % (MAX_SEED + 1)
        with _tracing_again():
            agent = _trained(
                search_space.changed(values, {"seed": seed}), reported
            )
            returns = agent.collect(
                from_flags.playable(values),
                values.episodes,
                seed=(values.seed + trainings) % (MAX_SEED + 1),
                **from_flags.host_arguments(values),
            ).returns
        evaluated.append(float(returns.mean(dtype="float64")))
        env_steps.append(int(agent.env_steps))
    return Outcome(statistics.fmean(evaluated), statistics.fmean(env_steps))


@contextlib.contextmanager
def _tracing_again() -> Iterator[None]:
    """Silences TensorFlow's warning that each agent traces its functions."""
    logger = tf.get_logger()
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)


def _trained(values: flags.FlagValues, report: Report) -> Any:
    """Returns the best agent of a training, by greedy evaluation."""
    # Frees the functions of the previous trial.
    keras.backend.clear_session()
    agent = from_flags.agent(values)
    best = keras.callbacks.EarlyStopping(
        monitor="val_episode_return",
        mode="max",
        # Never stop early: only restore the best weights.
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
        **from_flags.fit_arguments(values),
    )
    return agent
