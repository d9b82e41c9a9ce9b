"""Lists the environments that have a preset or an in-graph version.

Each line shows the id, the engines, whether there is a preset, the return that
counts as solved in gymnasium, the mean greedy return of the preset over seeds,
and the extra of keras-cem to install, if one is missing.
"""

from absl import flags


def define_flags(values: flags.FlagValues) -> None:
    """Defines the flags of this command."""
    flags.DEFINE_bool(
        "json", False, "Print JSON instead of a table.", flag_values=values
    )
