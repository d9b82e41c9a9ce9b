"""Writes the agent of a run as a SavedModel."""

import pathlib

from absl import flags

from keras_cem.cli.errors import CommandError
from keras_cem.cli.run_folder import RunFolder, remove_saved_model


def define_flags(values: flags.FlagValues) -> None:
    """Defines the flags of this command."""
    flags.DEFINE_string(
        "run", None, "Folder of a run. Required.", flag_values=values
    )
    flags.DEFINE_string(
        "output", None, "Folder to write. Required.", flag_values=values
    )
    flags.DEFINE_bool(
        "overwrite",
        False,
        "Replace the SavedModel in --output.",
        flag_values=values,
    )
    flags.mark_flags_as_required(["run", "output"], flag_values=values)


def run(values: flags.FlagValues) -> None:
    """Exports."""
    agent = RunFolder(values.run).load_agent()
    output = pathlib.Path(values.output)
    if output.exists():
        if not values.overwrite:
            raise CommandError(
                "--output must not exist. "
                f"Received: --output={output}. Give another, or --overwrite "
                "to replace the SavedModel there."
            )
        remove_saved_model(output)
    try:
        agent.export(output)
    except OSError as error:
        raise CommandError(
            "--output must be a folder that can be written. "
            f"Received: --output={output}. {error}"
        ) from error
    print(f"SavedModel with the endpoints act, logits, act_sample: {output}")
