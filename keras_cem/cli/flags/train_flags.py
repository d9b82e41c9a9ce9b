"""Trains an agent on an environment and writes a run folder.

If the environment has a preset, the preset sets all flags that are not given;
--nopreset ignores it. `keras-cem list` shows the presets.

The folder holds agent.keras (the best by greedy evaluation), last.keras,
policy/ (SavedModel), history.csv, config.json, results.json, pictures,
report.html and checkpoints/. --resume --output=FOLDER continues the run from
its last checkpoint; a larger --epochs extends it.
"""

from collections.abc import Mapping
from typing import Any

from absl import flags

from keras_cem.cli.flags import (
    json_flags,
    option_flags,
    path_flags,
    worker_flags,
    wrapper_flags,
)
from keras_cem.cli.flags.flag_groups import Group
from keras_cem.cli.flags.preset import PresetParser

# Values of --epsilon_schedule; `from_flags` makes them.
EPSILON_SCHEDULES = ("harmonic", "constant", "linear", "exponential", "cosine")
# Values of --progress.
PROGRESS = ("auto", "bar", "line", "none")
# Values of --track; `training.tracking` opens them.
TRACKERS = ("tensorboard", "wandb", "mlflow", "trackio")


def define_flags(values: flags.FlagValues) -> None:
    """Defines the flags of this command."""
    define_settings(values)
    Group(values, "evaluation").count(
        "validation_freq",
        None,
        "Number of epochs per validation, with one after the first and the "
        "last epoch. If neither this nor --validation_episodes is given, "
        "validation takes at most a fifth of the time of training, or 5 "
        "seconds if that is more.",
    )
    worker_flags.define(values)
    path_flags.define(
        "output",
        "Run folder, new or empty. Required.",
        values,
        subject="output",
    )
    output = Group(values, "output")
    output.switch(
        "resume",
        False,
        "Continue the run in --output with its settings. Only --epochs, "
        "--episodes, --checkpoint_every, --plot, --progress, --track and "
        "--video may differ.",
    )
    output.switch(
        "overwrite", False, "Delete an existing run in --output first."
    )
    output.count("checkpoint_every", 10, "Epochs between checkpoints.")
    output.texts(
        "seeds",
        None,
        "Train once per seed, such as 0,1,2,3,4. --output then holds a run per "
        "seed, a table and a comparison. The same command resumes what is not "
        "finished. Needs the extra `seeds`.",
    )
    output.count("jobs", 1, "Number of --seeds to train at the same time.")
    output.choice(
        "progress",
        "auto",
        PROGRESS,
        "Progress output: one line per epoch (auto, line), Keras' progress "
        "bar, or nothing. On a terminal, auto also shows the work within an "
        "epoch.",
    )
    output.switch(
        "plot",
        None,
        "Draw pictures. If not given, only if matplotlib is installed.",
    )
    output.switch(
        "video",
        False,
        "Film a greedy episode at the end, like `keras-cem record`. Needs "
        "the extra `video`.",
    )
    output.texts(
        "track",
        [],
        "Trackers to log the run to: tensorboard, wandb, mlflow, trackio. Each "
        "needs the extra of its name. tensorboard writes tensorboard/ in the "
        "run folder.",
        TRACKERS,
    )
    flags.mark_flag_as_required("output", flag_values=values)
    flags.register_multi_flags_validator(
        ["env", "resume"],
        lambda given: given["env"] is not None or given["resume"],
        "--env must be given, except with --resume.",
        flag_values=values,
    )


def changed(given: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the flags that differ from their defaults.

    Args:
        given: Flags in config.json.
    """
    defaults = flags.FlagValues()
    define_flags(defaults)
    return {
        name: value
        for name, value in given.items()
        if name in defaults and value != defaults[name].default
    }


def define_settings(
    values: flags.FlagValues,
    seed: int | None = None,
    about_seed: str = "Seed of all random numbers. Drawn if not given.",
    validation_episodes: int | None = None,
) -> None:
    """Defines the flags that every training command needs.

    Args:
        values: Where to define the flags.
        seed: Default of --seed.
        about_seed: Help of --seed.
        validation_episodes: Default of --validation_episodes.
    """
    _define_environment(Group(values, "environment"))
    method = Group(values, "method")
    method.flag(
        flags.Flag(
            PresetParser(),
            None,
            "preset",
            None,
            "Preset to start from; given flags override it. "
            "--preset=NAME.json reads a file of `keras-cem tune`, "
            "--preset=ID uses the preset of another environment, and "
            "--nopreset uses none. If not given, the preset for --env, or "
            "that for its kind of actions, Box or Discrete.",
            boolean=True,
        )
    )
    method.count("seed", seed, about_seed, least=0)
    _define_method(method)
    method.flag(
        json_flags.make(
            "agent_kwargs",
            values,
            "More arguments of `CEMAgent` as a JSON object, such as "
            '\'{"persistence": 20, "entropy_coefficient": 0.01}\'.',
        )
    )
    network = Group(values, "network")
    network.texts(
        "hidden_units",
        ["128"],
        "Number of units of each hidden layer, separated by commas.",
    )
    network.text("activation", "relu", "Activation of the hidden layers.")
    network.flag(
        json_flags.make(
            "network",
            values,
            "More arguments of `networks.default_policy` as a JSON object, "
            'such as \'{"dropout": 0.1, "embedding": 16}\'.',
        )
    )
    optimizer = Group(values, "optimizer")
    _define_optimizer(optimizer)
    optimizer.flag(
        json_flags.make(
            "fit_kwargs",
            values,
            "More arguments of `CEMAgent.compile` and `fit` as a JSON object, "
            'such as \'{"loss": "huber", "jit_compile": true}\'.',
        )
    )
    _define_exploration(Group(values, "exploration"))
    _define_evaluation(Group(values, "evaluation"), validation_episodes)


def _define_environment(group: Group) -> None:
    group.text("env", None, "Id of a gymnasium environment. Required.")
    wrapper_flags.define(group)
    option_flags.define(group)


def _define_method(group: Group) -> None:
    group.count("epochs", 200, "Maximum number of epochs.")
    group.count("steps_per_epoch", 1, "Iterations per epoch.")
    group.count("batch_size", 16, "K, trajectories per iteration.", least=2)
    option_flags.define(group)


def _define_optimizer(group: Group) -> None:
    group.text("optimizer", "adam", "Name of a Keras optimizer.")
    group.number(
        "learning_rate",
        0.01,
        "Learning rate of the optimizer.",
        lower_bound=0.0,
    )
    group.count(
        "learning_rate_decay_steps",
        None,
        "Iterations of a cosine decay of the learning rate to 0. If not "
        "given, it stays constant.",
    )
    option_flags.define(group)


def _define_exploration(group: Group) -> None:
    group.choice(
        "epsilon_schedule",
        "harmonic",
        EPSILON_SCHEDULES,
        "Decay of epsilon over iterations.",
    )
    option_flags.define(group)
    group.number("epsilon_minimum", 0.0, "Smallest epsilon.", lower_bound=0.0)
    group.count(
        "epsilon_steps",
        None,
        "Iterations until epsilon reaches its smallest value. If not given, "
        "all. The schedules harmonic and constant ignore it.",
    )


def _define_evaluation(group: Group, validation_episodes: int | None) -> None:
    group.number(
        "stop_at",
        None,
        "Stop when the greedy return reaches this value and, on other "
        "episodes, exceeds it by a standard error. If not given, `keras-cem "
        "train` uses the environment's reward threshold, if there is one.",
    )
    group.count(
        "validation_episodes",
        validation_episodes,
        "Number of greedy episodes in a validation."
        + ("" if validation_episodes else " If not given, 10."),
    )
    group.count(
        "episodes", 100, "Number of greedy episodes in the final evaluation."
    )
