"""Uploads a run to the Hugging Face Hub, with a model card.

The card is README.md of the run folder, which `keras-cem card` writes, or a new
one. `hf auth login` or the environment variable HF_TOKEN says who you are.
"""

from absl import flags

from keras_cem.cli.flags import path_flags


def define_flags(values: flags.FlagValues) -> None:
    """Defines the flags of this command."""
    path_flags.define(
        "run", "Run folder of `keras-cem train`. Required.", values
    )
    flags.DEFINE_string(
        "repo",
        None,
        "Repository, user/name. It is made if needed. Required.",
        flag_values=values,
    )
    flags.DEFINE_bool(
        "private",
        False,
        "Whether a new repository is private.",
        flag_values=values,
    )
    flags.mark_flags_as_required(["run", "repo"], flag_values=values)
