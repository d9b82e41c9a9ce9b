"""From the values of flags to objects."""

import itertools
from typing import Any

import keras
from absl import flags

from keras_cem import limits, schedules

# Each makes a schedule of the initial epsilon and a number of iterations.
EPSILON_SCHEDULES = {
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
    """Units of the hidden layers.

    Raises:
        ValueError: If they are not positive integers.
    """
    try:
        units = tuple(int(unit) for unit in values.hidden_units)
    except ValueError:
        units = (0,)
    if any(unit < 1 for unit in units):
        raise ValueError(
            "--hidden_units must be positive integers, as in 128,64. "
            f"Received: --hidden_units={','.join(values.hidden_units)}"
        )
    for before, after in itertools.pairwise((1, *units)):
        if before * after > limits.MAX_SIZE:
            raise ValueError(
                "--hidden_units must make layers of at most "
                f"{limits.MAX_SIZE:,} weights. Received: "
                f"--hidden_units={','.join(values.hidden_units)}"
            )
    return units


def optimizer(values: flags.FlagValues) -> keras.optimizers.Optimizer:
    """The optimizer, by its Keras name.

    Raises:
        ValueError: If Keras has none of that name.
    """
    try:
        return keras.optimizers.get(
            {
                "class_name": values.optimizer,
                "config": {"learning_rate": values.learning_rate},
            }
        )
    except (ValueError, TypeError) as error:
        raise ValueError(
            "--optimizer must be the name of a Keras optimizer, such as adam, "
            f"sgd or adadelta. Received: --optimizer={values.optimizer}"
        ) from error


def epsilon_schedule(values: flags.FlagValues) -> Any:
    """The schedule of epsilon."""
    make = EPSILON_SCHEDULES[values.epsilon_schedule]
    return make(values.epsilon, epsilon_steps(values))


def epsilon_steps(values: flags.FlagValues) -> int:
    """Iterations over which epsilon falls."""
    return values.epsilon_steps or values.epochs * values.steps_per_epoch
