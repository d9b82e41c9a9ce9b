"""Exports the policy of a run to a format that does not need keras_cem."""

from absl import flags

from keras_cem.cli.flags import path_flags

# Value of the flag: the format's name in `CEMAgent.export`.
FORMATS = {
    "saved_model": "tf_saved_model",
    "onnx": "onnx",
    "litert": "litert",
    "openvino": "openvino",
}


def define_flags(values: flags.FlagValues) -> None:
    """Defines the flags of this command."""
    path_flags.define(
        "run", "Run folder of `keras-cem train`. Required.", values
    )
    path_flags.define(
        "output",
        "Where to write the export: a folder for saved_model and openvino, a "
        "file ending in .onnx or .tflite for the other formats. Required.",
        values,
    )
    flags.DEFINE_enum(
        "format",
        "saved_model",
        list(FORMATS),
        "Format of the export. All but saved_model need the extra of the "
        "same name, as in pip install 'keras-cem[onnx]'.",
        flag_values=values,
    )
    flags.DEFINE_bool(
        "overwrite",
        False,
        "Replace an existing export in --output once the new one is complete.",
        flag_values=values,
    )
    flags.mark_flags_as_required(["run", "output"], flag_values=values)
