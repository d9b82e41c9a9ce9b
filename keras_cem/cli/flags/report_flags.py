"""Writes report.html, one page about a run.

It shows the results, the settings and a histogram of returns with a slider over
iterations. If the run folder holds pictures and policy maps (`keras-cem plot`)
or video.mp4 (`keras-cem record`), it shows them too, unless an earlier agent of
the run made them.
"""

from absl import flags

from keras_cem.cli.flags import path_flags


def define_flags(values: flags.FlagValues) -> None:
    """Defines the flags of this command."""
    path_flags.define(
        "run", "Run folder of `keras-cem train`. Required.", values
    )
    path_flags.define(
        "output", "Folder for the page. If not given, the run folder.", values
    )
    flags.mark_flags_as_required(["run"], flag_values=values)
