"""Writes the policy of a run in a format that needs no keras_cem to act."""

import os

from absl import flags

from keras_cem.cli.console import CommandError
from keras_cem.cli.flags import path_flags
from keras_cem.cli.run.folder import RunFolder

# Value of the flag: the format's name in `CEMAgent.export`.
FORMATS = {
    "saved_model": "tf_saved_model",
    "onnx": "onnx",
    "litert": "litert",
    "openvino": "openvino",
}


def define_flags(values: flags.FlagValues) -> None:
    """Defines the flags of this command."""
    path_flags.define("run", "Folder of a run. Required.", values)
    path_flags.define(
        "output",
        "What to write: a folder for saved_model and openvino, a file that "
        "ends in .onnx or .tflite for the others. Required.",
        values,
    )
    flags.DEFINE_enum(
        "format",
        "saved_model",
        list(FORMATS),
        "What to write; all but saved_model need the extra of keras-cem of "
        "that name.",
        flag_values=values,
    )
    flags.DEFINE_bool(
        "overwrite",
        False,
        "Replace the earlier export in --output, once the new one is complete.",
        flag_values=values,
    )
    flags.mark_flags_as_required(["run", "output"], flag_values=values)


def run(values: flags.FlagValues) -> None:
    """Exports the policy."""
    output = values.output
    if os.path.lexists(output) and not values.overwrite:
        raise CommandError(
            "--output must not exist. "
            f"Received: --output={output}. Give another, or --overwrite "
            "to replace the export there."
        )
    agent = RunFolder(values.run).load_agent()
    try:
        agent.export(output, format=FORMATS[values.format])
    except ImportError as error:
        raise CommandError(f"--format={values.format}: {error}") from error
    except OSError as error:
        raise CommandError(
            "--output must be a place that can be written. "
            f"Received: --output={output}. {error}"
        ) from error
    print(f"Exported as {values.format}: {output}")
