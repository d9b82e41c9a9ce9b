"""`keras-cem push`."""

from absl import flags

from keras_cem.cli.flags.push_flags import define_flags as define_flags
from keras_cem.cli.hub import model_card, repository
from keras_cem.cli.run.folder import RunFolder


def run(values: flags.FlagValues) -> None:
    """Uploads the files."""
    folder = RunFolder(values.run)
    config = folder.read_config(plays=False)
    card = folder.path / model_card.FILE
    text = (
        card.read_text(encoding="utf-8")
        if card.is_file() and not card.is_symlink()
        else model_card.render(folder, config, values.repo)
    )
    url = repository.push(folder, values.repo, text, private=values.private)
    print(f"Uploaded: {url}")
