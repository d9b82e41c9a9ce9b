"""Builds agents, schedules and arguments of `fit` from flags."""

from typing import Any, cast

import keras
from absl import flags

from keras_cem import CEMAgent, schedules
from keras_cem.agent import fit_checks
from keras_cem.agent.options import OPTIONS
from keras_cem.callbacks import EpsilonDecay
from keras_cem.cli.flags import json_flags
from keras_cem.cli.run import environment
from keras_cem.cli.training import validation_share
from keras_cem.cli.training.confirmations import ConfirmedStop
from keras_cem.engines import groups, sources
from keras_cem.engines.playing import PLAYING, Options, Playing

# `train_flags.EPSILON_SCHEDULES`. Each function takes the initial epsilon and a
# number of iterations, and returns a schedule.
_EPSILON_SCHEDULES = {
    "harmonic": lambda initial, _: schedules.HarmonicDecay(initial),
    "constant": lambda initial, steps: (
        keras.optimizers.schedules.PolynomialDecay(initial, steps, initial)
    ),
    "linear": lambda initial, steps: keras.optimizers.schedules.PolynomialDecay(
        initial, steps, 0.0
    ),
    "exponential": lambda initial, steps: (
        keras.optimizers.schedules.ExponentialDecay(initial, steps, 0.01)
    ),
    "cosine": lambda initial, steps: keras.optimizers.schedules.CosineDecay(
        initial, steps
    ),
}


def hidden_units(values: flags.FlagValues) -> tuple[int, ...]:
    """Returns the number of units per hidden layer.

    Raises:
        ValueError: If they are not positive integers.
    """
    try:
        units = tuple(int(unit) for unit in values.hidden_units)
    except ValueError:
        units = (0,)
    if any(unit < 1 for unit in units):
        raise ValueError(
            "--hidden_units must be positive integers, such as 128,64. "
            f"Received: --hidden_units={','.join(values.hidden_units)}"
        )
    return units


def optimizer(values: flags.FlagValues) -> keras.optimizers.Optimizer:
    """Returns the optimizer, found by its Keras name.

    Raises:
        ValueError: If Keras has no optimizer of that name.
    """
    learning_rate = _learning_rate(values)
    try:
        return keras.optimizers.get(
            {
                "class_name": values.optimizer,
                "config": {"learning_rate": learning_rate},
            }
        )
    except (ValueError, TypeError) as error:
        raise ValueError(
            "--optimizer must be the name of a Keras optimizer, such as adam, "
            f"sgd or adadelta. Received: --optimizer={values.optimizer}"
        ) from error


def _learning_rate(values: flags.FlagValues) -> Any:
    iterations = values.learning_rate_decay_steps
    if iterations is None or in_epochs(values):
        return values.learning_rate
    return keras.optimizers.schedules.CosineDecay(
        values.learning_rate, iterations * values.gradient_steps
    )


def _learning_rate_decay(
    values: flags.FlagValues,
) -> list[keras.callbacks.Callback]:
    """Returns the decay where optimizer steps cannot be counted beforehand.

    With passes over the elites, their number depends on the lengths of
    episodes: the learning rate is set before each epoch of `fit` instead.
    """
    if values.learning_rate_decay_steps is None or not in_epochs(values):
        return []
    decay = keras.optimizers.schedules.CosineDecay(
        values.learning_rate, values.learning_rate_decay_steps
    )
    return [
        keras.callbacks.LearningRateScheduler(
            lambda epoch: float(decay(epoch * values.steps_per_epoch))
        )
    ]


def epsilon_schedule(values: flags.FlagValues) -> Any:
    """Returns the schedule of epsilon."""
    return make_schedule(
        values.epsilon_schedule, values.epsilon, epsilon_steps(values)
    )


def make_schedule(kind: str, initial: float, steps: int) -> Any:
    """Returns a schedule of epsilon.

    Args:
        kind: One of `train_flags.EPSILON_SCHEDULES`.
        initial: Epsilon in the first iteration.
        steps: Number of iterations of the schedule.
    """
    return _EPSILON_SCHEDULES[kind](initial, steps)


def epsilon_steps(values: flags.FlagValues) -> int:
    """Returns the number of iterations of the epsilon schedule."""
    return values.epsilon_steps or values.epochs * values.steps_per_epoch


def in_epochs(values: flags.FlagValues) -> bool:
    """Returns whether an iteration passes over its elites in epochs."""
    asked = values.elite_unit == "step" or values.gradient_epochs is not None
    return asked and values["gradient_steps"].using_default_value


def agent(values: flags.FlagValues) -> CEMAgent:
    """Returns a compiled agent, after checking that it can be trained.

    Raises:
        ValueError, TypeError: If a setting is invalid or contradicts another.
    """
    options: dict[str, Any] = {
        name: values[name].value for name in OPTIONS if name in values
    }
    if in_epochs(values):
        options["gradient_steps"] = None
    made = CEMAgent.from_env(
        playable(values),
        hidden_units=hidden_units(values),
        activation=values.activation,
        network=values.network,
        **options,
        **values.agent_kwargs,
    )
    made.compile(
        optimizer=optimizer(values),
        loss=json_flags.get(values, "loss"),
        jit_compile=json_flags.get(values, "jit_compile"),
    )
    fit_checks.check_ready(made, "train")
    groups.check_batch_size(
        values.batch_size, made.episodes_per_start, made.episodes_per_policy
    )
    if values.engine == "graph":
        # Refuses here what `fit` would refuse later; opening is cheap.
        sources.open_source(
            playable(values, training=True),
            Options(values.batch_size, **playing(values)),
        )
    return made


def playable(
    values: flags.FlagValues, *, training: bool = False
) -> environment.Playable:
    """Returns the environment to play.

    Args:
        values: The flags.
        training: As in `environment.of`. Defaults to `False`.
    """
    return environment.of(values.flag_values_dict(), training=training)


def fit_arguments(values: flags.FlagValues) -> dict[str, Any]:
    """Returns the arguments of `fit` for training and playing."""
    return {
        "x": playable(values, training=True),
        "batch_size": values.batch_size,
        "epochs": values.epochs,
        "steps_per_epoch": values.steps_per_epoch,
        "validation_data": playable(values),
        "validation_batch_size": _validation_episodes(values),
        **playing(values),
    }


def _validation_episodes(values: flags.FlagValues) -> int:
    return values.validation_episodes or validation_share.EPISODES


def playing(values: flags.FlagValues) -> Playing:
    """Returns the arguments of playing."""
    return cast(
        Playing, {name: json_flags.get(values, name) for name in PLAYING}
    )


def host_arguments(values: flags.FlagValues) -> Playing:
    """Returns arguments to play the gymnasium environment on the host.

    They never select an in-graph version.
    """
    return {**playing(values), "engine": "host"}


def callbacks(
    values: flags.FlagValues, stop_at: float | None
) -> list[keras.callbacks.Callback]:
    """Returns the callbacks that control training.

    Callbacks that keep the best weights must come after these, because
    `ConfirmedStop` may correct `val_episode_return`.

    Args:
        values: The flags.
        stop_at: Return to stop at, or None to train for all epochs.
    """
    steering: list[keras.callbacks.Callback] = [
        EpsilonDecay(epsilon_schedule(values), values.epsilon_minimum),
        *_learning_rate_decay(values),
    ]
    if stop_at is not None:
        steering.append(
            ConfirmedStop(
                stop_at,
                playable(values),
                _validation_episodes(values),
                **host_arguments(values),
            )
        )
    return steering
