"""Draws pictures of one run, or compares several runs.

For one run: learning_curve.png, returns.png, and policy_map.png if observations
have two components or --dimensions selects two. For several runs:
comparison.png, where runs that differ only in their seed share a line.
"""

from absl import flags

from keras_cem.cli.flags import path_flags, wrapper_flags


def define_flags(values: flags.FlagValues) -> None:
    """Defines the flags of this command."""
    path_flags.define(
        "run",
        "Run folder of `keras-cem train`. Give --run several times to "
        "compare runs. Required.",
        values,
        multiple=True,
    )
    path_flags.define(
        "output",
        "Folder for the pictures. If not given, the run folder. Required for "
        "several runs.",
        values,
    )
    flags.DEFINE_list(
        "dimensions",
        None,
        "The two components of the observation on the axes of the policy "
        "map, such as 0,2. The other components are held at the median of "
        "the observations seen.",
        flag_values=values,
    )
    wrapper_flags.define_given(values)
    flags.DEFINE_string(
        "env",
        None,
        "Id of the environment to play for the policy map. If not given, the "
        "run's environment.",
        flag_values=values,
    )
    flags.mark_flags_as_required(["run"], flag_values=values)
