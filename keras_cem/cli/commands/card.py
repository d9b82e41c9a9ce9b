"""`keras-cem card`."""

from absl import flags

from keras_cem.cli.flags.card_flags import define_flags as define_flags
from keras_cem.cli.hub import model_card
from keras_cem.cli.run import output_folder
from keras_cem.cli.run.folder import RunFolder
from keras_cem.utils import files


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
