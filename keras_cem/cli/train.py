"""Trains an agent on an environment and leaves a run folder.

The folder holds agent.keras (the best by greedy evaluation), last.keras,
policy/ (SavedModel), history.csv, config.json, results.json and pictures.
"""

import importlib.util
import time
from typing import Any

import gymnasium
import keras
from absl import flags

from keras_cem import CEMAgent, callbacks, elites, heads, improvement
from keras_cem.cli import settings
from keras_cem.cli.confirmed_stop import ConfirmedStop
from keras_cem.cli.evaluation import evaluation_of, summary
from keras_cem.cli.progress import ProgressLine
from keras_cem.cli.run_folder import RunFolder, versions, write_json
from keras_cem.rollouts import sources


def define_flags(values: flags.FlagValues) -> None:
    """Defines the flags of this command."""
    common: dict[str, Any] = {"flag_values": values}

    def text(name: str, default: str | None, about: str) -> None:
        flags.DEFINE_string(name, default, about, **common)

    def count(
        name: str, default: int | None, about: str, least: int = 1
    ) -> None:
        flags.DEFINE_integer(name, default, about, lower_bound=least, **common)

    def number(
        name: str, default: float | None, about: str, **bounds: float
    ) -> None:
        flags.DEFINE_float(name, default, about, **{**bounds, **common})

    def choice(name: str, default: str, choices: Any, about: str) -> None:
        flags.DEFINE_enum(name, default, list(choices), about, **common)

    text("env", None, "Id of a gymnasium environment. Required.")
    text("output", None, "Folder for the run, new or empty. Required.")
    flags.DEFINE_bool(
        "overwrite", False, "Replace the run in --output.", **common
    )
    flags.DEFINE_bool(
        "plot",
        None,
        "Draw pictures; without this flag, if matplotlib is there.",
        **common,
    )
    count("seed", None, "Of everything random; drawn if not given.", least=0)
    # How long.
    count("epochs", 200, "Epochs at most.")
    count("steps_per_epoch", 1, "Iterations an epoch.")
    number(
        "stop_at",
        None,
        "Stop when the greedy return reaches this, and exceeds it by its "
        "standard error on other episodes. Defaults to the environment's "
        "reward threshold, if it has one.",
    )
    count("validation_episodes", 100, "Greedy episodes after each epoch.")
    count("episodes", 100, "Greedy episodes of the final evaluation.")
    # The method.
    count("batch_size", 16, "K, trajectories an iteration.", least=2)
    number(
        "elite_quantile",
        0.7,
        "q: elite is whose return exceeds the q-quantile.",
        lower_bound=0.0,
        upper_bound=1.0,
    )
    choice("ties", "auto", elites.TIES, "Elites that tie with the threshold.")
    choice(
        "loss_normalization",
        "trajectory",
        improvement.NORMALIZATIONS,
        "What the sum of losses is divided by.",
    )
    text("loss", None, "Keras loss for Box actions; mean square if not given.")
    count("gradient_steps", 10, "Optimizer steps an iteration; 1 in textbooks.")
    count("minibatch_size", None, "Pairs drawn for each; all if not given.")
    # Exploration.
    choice(
        "epsilon_schedule",
        "harmonic",
        settings.EPSILON_SCHEDULES,
        "How epsilon falls over iterations.",
    )
    number("epsilon", 1.0, "Epsilon in the first iteration.", lower_bound=0.0)
    number("epsilon_minimum", 0.0, "Floor of epsilon.", lower_bound=0.0)
    count(
        "epsilon_steps",
        None,
        "Iterations over which epsilon falls; all if not given. Without "
        "meaning for the schedules harmonic and constant.",
    )
    choice("noise", "gaussian", heads.NOISES, "Noise for Box actions.")
    number("action_scale", None, "Scale of an unbounded Box.", lower_bound=0.0)
    # The network and its optimizer.
    flags.DEFINE_list(
        "hidden_units", ["128"], "Units of each hidden layer.", **common
    )
    text("activation", "relu", "Of the hidden layers.")
    text("kernel_initializer", "glorot_uniform", "Of the weights.")
    number("l1", 0.0, "L1 regularisation.", lower_bound=0.0)
    number("l2", 0.0, "L2 regularisation.", lower_bound=0.0)
    number("dropout", 0.0, "Dropout.", lower_bound=0.0, upper_bound=1.0)
    flags.DEFINE_bool(
        "batch_normalization", False, "Batch normalisation.", **common
    )
    text("optimizer", "adam", "Keras optimizer.")
    number("learning_rate", 0.01, "Of the optimizer.", lower_bound=0.0)
    # Playing.
    choice(
        "engine",
        "auto",
        sources.ENGINES,
        "Where training plays: inside the compiled step (graph), or from "
        "Python (host); auto takes the graph where it can. The final "
        "evaluation always plays gymnasium's own environment.",
    )
    count("num_envs", None, "Sub-environments; as --batch_size if not given.")
    flags.DEFINE_enum(
        "vectorization_mode",
        None,
        list(sources.VECTORIZATION_MODES),
        "How sub-environments run; sync if not given.",
        **common,
    )
    count("max_episode_steps", None, "Truncates episodes.")
    flags.mark_flags_as_required(["env", "output"], flag_values=values)


def run(values: flags.FlagValues) -> None:
    """Trains, evaluates and writes the run folder."""
    started = time.perf_counter()
    plots = _plots(values)
    agent = _agent(values)
    fit_callbacks: list[keras.callbacks.Callback] = [
        callbacks.EpsilonDecay(
            settings.epsilon_schedule(values), values.epsilon_minimum
        )
    ]
    stop_at = _stop_at(values)
    if stop_at is not None:
        fit_callbacks.append(
            ConfirmedStop(
                stop_at,
                values.env,
                values.validation_episodes,
                **_on_host(values),
            )
        )
    # All that can be refused was refused: now the folder.
    folder = RunFolder(values.output)
    folder.create(overwrite=values.overwrite)
    config = {
        "command": "train",
        "flags": {
            name: values[name].value
            for name in sorted(values)
            if name not in ("output", "overwrite")
        },
        "seed": agent.seed,
        "stop_at": stop_at,
        "versions": versions(),
    }
    write_json(folder.config, config)
    fit_callbacks += [
        keras.callbacks.ModelCheckpoint(
            str(folder.agent),
            monitor="val_episode_return",
            mode="max",
            save_best_only=True,
        ),
        keras.callbacks.CSVLogger(str(folder.history)),
        ProgressLine(),
    ]
    try:
        history = agent.fit(
            values.env,
            batch_size=values.batch_size,
            epochs=values.epochs,
            steps_per_epoch=values.steps_per_epoch,
            validation_data=values.env,
            validation_batch_size=values.validation_episodes,
            verbose=0,
            callbacks=fit_callbacks,
            **_playing(values),
        )
    finally:
        # Also when the environment failed: what was learned is kept.
        agent.save(folder.last)
    best = folder.load_agent()
    best.export(folder.policy)
    evaluation = evaluation_of(
        best, values.env, values.episodes, **_on_host(values)
    )
    results = {
        "env": values.env,
        **evaluation,
        "env_steps": int(agent.env_steps),
        "epochs": len(history.epoch),
        "wall_seconds": round(time.perf_counter() - started, 3),
        "seed": agent.seed,
        "solved": (
            None
            if stop_at is None
            else evaluation["episode_return_mean"] >= stop_at
        ),
    }
    write_json(folder.results, results)
    if plots is not None:
        plots.learning_curve(folder.history, folder.learning_curve, stop_at)
        plots.returns(evaluation["episode_returns"], folder.returns, stop_at)
    print(summary(evaluation))
    print(
        f"{results['env_steps']:,} environment steps in {results['epochs']} "
        f"epochs, {results['wall_seconds']:.1f} s. Run folder: {folder.path}"
    )


def _agent(values: flags.FlagValues) -> CEMAgent:
    agent = CEMAgent.from_env(
        values.env,
        hidden_units=settings.hidden_units(values),
        activation=values.activation,
        network={
            "kernel_initializer": values.kernel_initializer,
            "l1": values.l1,
            "l2": values.l2,
            "dropout": values.dropout,
            "batch_normalization": values.batch_normalization,
        },
        elite_quantile=values.elite_quantile,
        ties=values.ties,
        loss_normalization=values.loss_normalization,
        gradient_steps=values.gradient_steps,
        minibatch_size=values.minibatch_size,
        epsilon=values.epsilon,
        noise=values.noise,
        action_scale=values.action_scale,
        seed=values.seed,
    )
    agent.compile(optimizer=settings.optimizer(values), loss=values.loss)
    agent.check_ready("train")
    return agent


def _stop_at(values: flags.FlagValues) -> float | None:
    if values.stop_at is not None:
        return values.stop_at
    return gymnasium.spec(values.env).reward_threshold


def _playing(values: flags.FlagValues) -> dict[str, Any]:
    return {**_on_host(values), "engine": values.engine}


def _on_host(values: flags.FlagValues) -> dict[str, Any]:
    """How to play gymnasium's own environment, never an in-graph copy."""
    return {
        "num_envs": values.num_envs,
        "vectorization_mode": values.vectorization_mode,
        "max_episode_steps": values.max_episode_steps,
        "engine": "host",
    }


def _plots(values: flags.FlagValues) -> Any:
    """The module that draws, or None; says so if it cannot."""
    if values.plot is False:
        return None
    if importlib.util.find_spec("matplotlib") is None:
        message = (
            "pictures need matplotlib. Install it with "
            "`pip install 'keras-cem[plot]'`."
        )
        if values.plot:
            raise ValueError(f"--plot: {message}")
        print(f"No pictures: {message}")
        return None
    return importlib.import_module("keras_cem.plots")
