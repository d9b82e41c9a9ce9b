"""From the values of flags to objects."""

import itertools
from collections.abc import Sequence
from typing import Any

import keras
from absl import flags

from keras_cem import CEMAgent, limits, schedules
from keras_cem.callbacks import BestInitialPolicy, EpsilonDecay
from keras_cem.callbacks.best_initial_policy import num_epochs
from keras_cem.cli.confirmed_best import ConfirmedBest
from keras_cem.cli.confirmed_stop import ConfirmedStop
from keras_cem.cli.deferred_xla import BATCH_SIZE, DeferredXLA
from keras_cem.cli.doubling import TellIterations
from keras_cem.cli.judged_means import with_means_judged
from keras_cem.cli.training_env import TrainingEnv, training_env
from keras_cem.devices import has_gpu
from keras_cem.networks.layer_factory import derive_seed
from keras_cem.rollouts import sources
from keras_cem.scheduled import ELITE_QUANTILE

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
        ValueError: If Keras has none of that name, or its means never change.
    """
    config = {"learning_rate": _learning_rate(values)}
    if values.ema_momentum == 1.0:
        raise ValueError(
            "--ema_momentum must be less than 1, where means never change. "
            "Received: --ema_momentum=1.0"
        )
    if values.ema_momentum is not None:
        config |= {"use_ema": True, "ema_momentum": values.ema_momentum}
    try:
        return keras.optimizers.get(
            {"class_name": values.optimizer, "config": config}
        )
    except (ValueError, TypeError) as error:
        raise ValueError(
            "--optimizer must be the name of a Keras optimizer, such as adam, "
            f"sgd or adadelta. Received: --optimizer={values.optimizer}"
        ) from error


def _learning_rate(values: flags.FlagValues) -> Any:
    iterations = values.learning_rate_decay_steps
    if iterations is None:
        return values.learning_rate
    return keras.optimizers.schedules.CosineDecay(
        values.learning_rate, iterations * values.gradient_steps
    )


def initial_policies(
    values: flags.FlagValues, seed: int
) -> list[keras.callbacks.Callback]:
    """What begins with several policies, to be called behind what keeps one.

    Args:
        values: The flags.
        seed: Of the agent.

    Raises:
        ValueError: If there are too few epochs for them, or epochs for one.
    """
    number = values.initial_policies
    epochs = values.epochs_per_initial_policy
    if number == 1:
        if epochs is not None:
            raise ValueError(
                "--epochs_per_initial_policy needs --initial_policies of 2 or "
                f"more. Received: --epochs_per_initial_policy={epochs}, "
                "--initial_policies=1"
            )
        return []
    epochs = epochs or 1
    until_one = num_epochs(number, epochs)
    if values.epochs <= until_one:
        raise ValueError(
            f"--epochs must be more than {until_one}, after which one of the "
            f"initial policies is left. Received: --epochs={values.epochs}, "
            f"--initial_policies={number}, "
            f"--epochs_per_initial_policy={epochs}"
        )
    others = [
        _from_env(values, derive_seed(seed, f"policies/{other}"))
        for other in range(1, number)
    ]
    return [BestInitialPolicy(others, epochs)]


def epsilon_schedule(values: flags.FlagValues) -> Any:
    """The schedule of epsilon."""
    make = EPSILON_SCHEDULES[values.epsilon_schedule]
    return make(values.epsilon, epsilon_steps(values))


def epsilon_steps(values: flags.FlagValues) -> int:
    """Iterations over which epsilon falls."""
    return values.epsilon_steps or values.epochs * values.steps_per_epoch


def elite_quantile(values: flags.FlagValues) -> Any:
    """The quantile, or its schedule.

    Raises:
        ValueError: If one of the flags of the schedule lacks the other, or it
            ends out of range.
    """
    last, iterations = values.last_elite_quantile, values.elite_quantile_steps
    if (last is None) != (iterations is None):
        raise ValueError(
            "--last_elite_quantile and --elite_quantile_steps must be given "
            f"together. Received: --last_elite_quantile={last}, "
            f"--elite_quantile_steps={iterations}"
        )
    if iterations is None:
        return values.elite_quantile
    if not ELITE_QUANTILE.accepts(last):
        raise ValueError(
            f"--last_elite_quantile must be in {ELITE_QUANTILE.interval}. "
            f"Received: --last_elite_quantile={last}"
        )
    return keras.optimizers.schedules.PolynomialDecay(
        values.elite_quantile, iterations, last
    )


def discount(values: flags.FlagValues) -> Any:
    """The discount, or its schedule.

    Raises:
        ValueError: If it cannot rise.
    """
    if values.discount_steps is None:
        return values.discount
    if values.discount == 1.0:
        raise ValueError(
            "--discount_steps is for a --discount that is below 1 at first. "
            f"Received: --discount_steps={values.discount_steps}, "
            "--discount=1.0"
        )
    return keras.optimizers.schedules.PolynomialDecay(
        values.discount, values.discount_steps, 1.0
    )


def agent(values: flags.FlagValues) -> CEMAgent:
    """The agent, compiled, and a policy that was seen to fit.

    Raises:
        ValueError, TypeError: If a setting cannot be, or contradicts another.
    """
    made = _from_env(values, values.seed)
    made.compile(
        optimizer=optimizer(values),
        loss=values.loss,
        jit_compile="auto"
        if values.jit_compile is None
        else values.jit_compile,
    )
    training_env(values)
    made.check_ready("train")
    made.check_batch_size(values.batch_size)
    if values.engine == "graph":
        # What `fit` would refuse; nothing is made in here that takes time.
        playing = {**on_host(values), "engine": values.engine}
        sources.open_source(
            values.env, sources.Options(values.batch_size, **playing)
        )
    return made


def _from_env(values: flags.FlagValues, seed: int | None) -> CEMAgent:
    return CEMAgent.from_env(
        values.env,
        hidden_units=hidden_units(values),
        activation=values.activation,
        network={
            "kernel_initializer": values.kernel_initializer,
            "l1": values.l1,
            "l2": values.l2,
            "dropout": values.dropout,
            "batch_normalization": values.batch_normalization,
            "embedding": values.embedding,
            "image": values.image,
        },
        elite_quantile=elite_quantile(values),
        ties=values.ties,
        loss_normalization=values.loss_normalization,
        gradient_steps=values.gradient_steps,
        minibatch_size=values.minibatch_size,
        discount=discount(values),
        elite_memory=values.elite_memory,
        elite_memory_age=values.elite_memory_age,
        episodes_per_start=values.episodes_per_start,
        episodes_per_policy=values.episodes_per_policy,
        normalize_observations=values.normalize_observations,
        epsilon=values.epsilon,
        noise=values.noise,
        correlation=values.correlation,
        imitate=values.imitate,
        persistence=values.persistence,
        entropy_coefficient=values.entropy_coefficient,
        action_scale=values.action_scale,
        on_nonfinite=values.on_nonfinite,
        seed=seed,
    )


def fitting(values: flags.FlagValues, env: Any) -> dict[str, Any]:
    """Arguments of `fit` that say how to train and play.

    Args:
        values: The flags.
        env: Their `training_env`.
    """
    return {
        "x": env,
        "batch_size": values.batch_size,
        "epochs": values.epochs,
        "steps_per_epoch": values.steps_per_epoch,
        "validation_data": values.env,
        "validation_batch_size": values.validation_episodes,
        **on_host(values),
        "engine": values.engine,
    }


def on_host(values: flags.FlagValues) -> dict[str, Any]:
    """How to play gymnasium's own environment, never an in-graph copy."""
    return {
        "num_envs": values.num_envs,
        "vectorization_mode": values.vectorization_mode,
        "max_episode_steps": values.max_episode_steps,
        "step_timeout": values.step_timeout,
        "max_env_restarts": values.max_env_restarts,
        "engine": "host",
    }


def callbacks(
    values: flags.FlagValues,
    stop_at: float | None,
    env: Any,
    keeping: Sequence[keras.callbacks.Callback] = (),
) -> list[keras.callbacks.Callback]:
    """What steers training, and keeps the best of it.

    Args:
        values: The flags.
        stop_at: Return to stop at, None not to.
        env: Their `training_env`.
        keeping: What looks at a validation and keeps the weights that were
            validated. Defaults to none.
    """
    steering: list[keras.callbacks.Callback] = [
        EpsilonDecay(epsilon_schedule(values), values.epsilon_minimum)
    ]
    if (
        values.jit_compile is None
        and values.batch_size <= BATCH_SIZE
        # Where each of its many small operations waits to be started, XLA is
        # worth waiting for.
        and not has_gpu()
    ):
        steering.append(DeferredXLA())
    if isinstance(env, TrainingEnv):
        steering.append(TellIterations(env.doublings))
    judging = [*_judging(values, stop_at), *keeping]
    if values.ema_momentum is not None:
        judging = with_means_judged(judging)
    return [*steering, *judging]


def _judging(
    values: flags.FlagValues, stop_at: float | None
) -> list[keras.callbacks.Callback]:
    """What looks at validations, and plays more episodes."""
    playing = (values.env, values.validation_episodes)
    judging: list[keras.callbacks.Callback] = []
    if stop_at is not None:
        judging.append(ConfirmedStop(stop_at, *playing, **on_host(values)))
    # Behind it, so that both and what keeps the best agree on which that is.
    if values.confirm_best:
        judging.append(ConfirmedBest(*playing, **on_host(values)))
    return judging
