"""Writes a model card of a run, README.md, for the Hugging Face Hub.

It says what was reached, how to load the agent, and which settings differ from
the defaults.
"""

from absl import flags

from keras_cem.cli.flags import path_flags


def define_flags(values: flags.FlagValues) -> None:
    """Defines the flags of this command."""
    path_flags.define(
        "run", "Run folder of `keras-cem train`. Required.", values
    )
    path_flags.define(
        "output", "Folder for the card. If not given, the run folder.", values
    )
    flags.DEFINE_string(
        "repo",
        None,
        "Repository that the card will be in, user/name.",
        flag_values=values,
    )
    flags.mark_flags_as_required(["run"], flag_values=values)
