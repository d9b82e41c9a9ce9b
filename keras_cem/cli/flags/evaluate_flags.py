"""Plays the agent of a run greedily and prints its return."""

from absl import flags

from keras_cem.cli.flags import path_flags, wrapper_flags


def define_flags(values: flags.FlagValues) -> None:
    """Defines the flags of this command."""
    path_flags.define(
        "run", "Run folder of `keras-cem train`. This or --hub.", values
    )
    flags.DEFINE_string(
        "hub",
        None,
        "Run on the Hugging Face Hub, user/name or user/name@revision. It may "
        "be untrusted: no code in it runs.",
        flag_values=values,
    )
    wrapper_flags.define_given(values)
    flags.DEFINE_string(
        "env",
        None,
        "Id of the environment. If not given, the run's environment.",
        flag_values=values,
    )
    flags.DEFINE_integer(
        "episodes",
        100,
        "Number of episodes.",
        lower_bound=1,
        flag_values=values,
    )
    flags.DEFINE_integer(
        "seed",
        None,
        "Seed of the start states. If not given, that of the run's final "
        "evaluation, which then gives the same returns.",
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
