"""Searches for settings that learn an environment and writes a preset.

Each trial trains with other settings and plays greedily. The first settings are
random; later ones build on the best so far. A trial ends early if it falls
behind. --output holds preset.json, the best settings so far, for `keras-cem
train --preset=FILE`; trials.csv, a table of all trials; and trials.log, from
which the same command continues after Ctrl-C or with more --trials.

Given flags stay fixed. All others start from the preset, or from their
defaults.
"""

from absl import flags

from keras_cem.cli.flags import TABLE, path_flags, train_flags
from keras_cem.cli.flags.flag_groups import Group


def define_flags(values: flags.FlagValues) -> None:
    """Defines the flags of this command."""
    train_flags.define_settings(
        values,
        seed=0,
        about_seed="Seed of the search and of each trial's first training.",
        # More, because trials are compared.
        validation_episodes=100,
    )
    search = Group(values, "search")
    search.count(
        "trials",
        50,
        "Total number of trials, including those of earlier calls.",
    )
    search.count(
        "trainings",
        1,
        "Trainings per trial, each with another seed. The trial's result is "
        "their mean return.",
    )
    search.count(
        "startup_trials",
        10,
        "Number of initial trials with random settings. They never end "
        "early; later trials build on their results.",
    )
    search.count(
        "train_episodes",
        None,
        "Episodes per training. Together with the batch size, this sets the "
        "number of epochs. If not given, as in the settings where the search "
        "starts.",
    )
    search.texts(
        "search",
        None,
        f"Settings to search, from {', '.join(TABLE['searched'])}. If not "
        "given, all that apply to the environment.",
    )
    search.switch(
        "prune", True, "End a trial early if it falls behind the others."
    )
    path_flags.define(
        "output",
        "Folder of the search: new, empty, or of an earlier search to "
        "continue. Required.",
        values,
        subject="output",
    )
    flags.mark_flags_as_required(["env", "output"], flag_values=values)
