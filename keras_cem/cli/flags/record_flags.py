"""Films greedy episodes of a run's agent as video.mp4 and video.gif.

The episodes are the first ones of the run's final evaluation. No screen is
needed.
"""

from absl import flags

from keras_cem.cli.flags import path_flags, wrapper_flags


def define_flags(values: flags.FlagValues) -> None:
    """Defines the flags of this command."""
    path_flags.define(
        "run", "Run folder of `keras-cem train`. Required.", values
    )
    path_flags.define(
        "output", "Folder for the films. If not given, the run folder.", values
    )
    wrapper_flags.define_given(values)
    flags.DEFINE_string(
        "env",
        None,
        "Id of the environment. If not given, the run's environment.",
        flag_values=values,
    )
    flags.DEFINE_integer(
        "episodes", 1, "Number of episodes.", lower_bound=1, flag_values=values
    )
    flags.DEFINE_integer(
        "seed",
        None,
        "Seed of the start states. If not given, the agent's seed.",
        lower_bound=0,
        flag_values=values,
    )
    flags.DEFINE_integer(
        "max_episode_steps",
        None,
        "Steps after which an episode is truncated. If not given, as in the "
        "run.",
        lower_bound=1,
        flag_values=values,
    )
    flags.DEFINE_integer(
        "max_frames",
        None,
        "Maximum number of frames in the film. If not given, 3,000.",
        lower_bound=1,
        flag_values=values,
    )
    flags.DEFINE_float(
        "fps",
        None,
        "Frames per second. If not given, the frame rate of the environment.",
        lower_bound=1.0,
        upper_bound=240.0,
        flag_values=values,
    )
    flags.mark_flags_as_required(["run"], flag_values=values)
