"""Flags of `keras-cem train`."""

from absl import flags

from keras_cem.cli.flags import (
    from_flags,
    json_flags,
    option_flags,
    path_flags,
)
from keras_cem.cli.flags.flag_groups import Group
from keras_cem.cli.flags.preset import PresetParser
from keras_cem.cli.training import progress


def define_flags(values: flags.FlagValues) -> None:
    """Defines the flags of this command."""
    define_settings(values)
    path_flags.define(
        "output",
        "Folder for the run, new or empty. Required.",
        values,
        subject="output",
    )
    output = Group(values, "output")
    output.switch(
        "resume",
        False,
        "Go on with the run in --output, with its settings; only --epochs, "
        "--episodes, --checkpoint_every, --plot, --report, --tensorboard and "
        "--video may be others.",
    )
    output.switch("overwrite", False, "Replace the run in --output.")
    output.count("checkpoint_every", 10, "Epochs between checkpoints.")
    output.choice(
        "progress",
        "auto",
        list(progress.KINDS),
        "What is seen as it goes on: Keras' bar, a line an epoch, or nothing; "
        "by itself the bar on a terminal, and lines for a log.",
    )
    output.switch(
        "plot",
        None,
        "Draw pictures; without this flag, if matplotlib is there.",
    )
    output.switch("report", True, "Write report.html, a page of the run.")
    output.switch(
        "video",
        False,
        "Film a greedy episode at the end, as `keras-cem record` does; needs "
        "the extra of keras-cem of that name.",
    )
    output.switch(
        "tensorboard",
        False,
        "Write tensorboard/, for `tensorboard --logdir`; needs the extra of "
        "keras-cem of that name.",
    )
    flags.mark_flag_as_required("output", flag_values=values)
    flags.register_multi_flags_validator(
        ["env", "resume"],
        lambda given: given["env"] is not None or given["resume"],
        "Flag --env must have a value other than None.",
        flag_values=values,
    )


def define_settings(
    values: flags.FlagValues,
    seed: int | None = None,
    about_seed: str = "Of everything random; drawn if not given.",
) -> None:
    """Defines the flags that every training command needs.

    Args:
        values: Where to define the flags.
        seed: Default of --seed.
        about_seed: Help of --seed.
    """
    _define_environment(Group(values, "environment"))
    method = Group(values, "method")
    method.flag(
        flags.Flag(
            PresetParser(),
            None,
            "preset",
            None,
            "Settings to start from; every flag given prevails over them. "
            "--preset=NAME.json takes those of a file, as `keras-cem tune` "
            "writes it, --preset=ID those for another environment, --nopreset "
            "none. Without this flag: those for --env, if there are any.",
            boolean=True,
        )
    )
    method.count("seed", seed, about_seed, least=0)
    _define_method(method)
    method.flag(
        json_flags.make(
            "agent_kwargs",
            values,
            "Further arguments of `CEMAgent`, as a JSON object, such as "
            '\'{"persistence": 20, "entropy_coefficient": 0.01}\'.',
        )
    )
    network = Group(values, "network")
    network.texts("hidden_units", ["128"], "Units of each hidden layer.")
    network.text("activation", "relu", "Of the hidden layers.")
    network.flag(
        json_flags.make(
            "network",
            values,
            "Further arguments of `networks.default_policy`, as a JSON object, "
            'such as \'{"dropout": 0.1, "embedding": 16}\'.',
        )
    )
    network.switch(
        "image",
        None,
        "Whether bytes with 2 or 3 axes are images, for convolutions, or codes "
        "of categories. Without this flag: as their shape and the first "
        "observation tell.",
    )
    _define_optimizer(Group(values, "optimizer"))
    _define_exploration(Group(values, "exploration"))
    _define_evaluation(Group(values, "evaluation"))


def _define_environment(group: Group) -> None:
    group.text("env", None, "Id of a gymnasium environment. Required.")
    option_flags.define(group)


def _define_method(group: Group) -> None:
    group.count("epochs", 200, "Epochs at most.")
    group.count("steps_per_epoch", 1, "Iterations an epoch.")
    group.count("batch_size", 16, "K, trajectories an iteration.", least=2)
    option_flags.define(group)


def _define_optimizer(group: Group) -> None:
    group.text("optimizer", "adam", "Keras optimizer.")
    group.number("learning_rate", 0.01, "Of the optimizer.", lower_bound=0.0)
    group.count(
        "learning_rate_decay_steps",
        None,
        "Iterations over which the learning rate falls to 0, as half a wave of "
        "a cosine; it stays as it is if not given.",
    )
    option_flags.define(group)
    group.text(
        "loss", None, "Keras loss for Box actions; mean square if not given."
    )
    group.switch(
        "jit_compile",
        None,
        "Compile the train step with XLA. Without this flag: in the graph, and "
        "with a small --batch_size not in the first iterations, which are done "
        "sooner than XLA is.",
    )


def _define_exploration(group: Group) -> None:
    group.choice(
        "epsilon_schedule",
        "harmonic",
        list(from_flags.EPSILON_SCHEDULES),
        "How epsilon falls over iterations.",
    )
    option_flags.define(group)
    group.number("epsilon_minimum", 0.0, "Floor of epsilon.", lower_bound=0.0)
    group.count(
        "epsilon_steps",
        None,
        "Iterations over which epsilon falls; all if not given. Without "
        "meaning for the schedules harmonic and constant.",
    )


def _define_evaluation(group: Group) -> None:
    group.number(
        "stop_at",
        None,
        "Stop when the greedy return reaches this, and exceeds it by its "
        "standard error on other episodes. `keras-cem train` takes the "
        "environment's reward threshold, if it has one, where none is given.",
    )
    group.count("validation_episodes", 100, "Greedy episodes after each epoch.")
    group.count("episodes", 100, "Greedy episodes of the final evaluation.")
