"""Writes a model card of a run, README.md, for the Hugging Face Hub.

It says what was reached, how to load the agent, and which settings differ from
the defaults.
"""

from absl import flags

from keras_cem.cli.flags import path_flags
from keras_cem.cli.hub import model_card
from keras_cem.cli.run import output_folder
from keras_cem.cli.run.folder import RunFolder
from keras_cem.utils import files


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


def run(values: flags.FlagValues) -> None:
    """Writes the card."""
    folder = RunFolder(values.run)
    # A card plays no episodes.
    config = folder.read_config(plays=False)
    output = output_folder.prepare(
        folder.path if values.output is None else values.output,
        [model_card.FILE],
    )
    card = model_card.render(folder, config, values.repo)
    path = output / model_card.FILE
    with files.replacing(path) as partial:
        partial.write_text(card, encoding="utf-8")
    print(f"Model card: {path}")
