"""Uploads a run to the Hugging Face Hub, with a model card.

The card is README.md of the run folder, which `keras-cem card` writes, or a new
one. `hf auth login` or the environment variable HF_TOKEN says who you are.
"""

from absl import flags

from keras_cem.cli.flags import path_flags
from keras_cem.cli.hub import model_card, repository
from keras_cem.cli.run.folder import RunFolder


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
