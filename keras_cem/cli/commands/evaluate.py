"""Plays greedily with the agent of a run and prints its return."""

from absl import flags

from keras_cem.cli.flags import path_flags
from keras_cem.cli.run.folder import RunFolder
from keras_cem.cli.run.results import evaluation_of, summary


def define_flags(values: flags.FlagValues) -> None:
    """Defines the flags of this command."""
    path_flags.define("run", "Folder of a run. Required.", values)
    flags.DEFINE_string(
        "env",
        None,
        "Environment; the run's own if not given.",
        flag_values=values,
    )
    flags.DEFINE_integer(
        "episodes",
        100,
        "How many episodes.",
        lower_bound=1,
        flag_values=values,
    )
    flags.DEFINE_integer(
        "seed",
        None,
        "Of the start states. If not given, those of the run's own final "
        "evaluation, so that its figures come again.",
        lower_bound=0,
        flag_values=values,
    )
    flags.DEFINE_integer(
        "max_episode_steps",
        None,
        "Truncates episodes; as in the run if not given.",
        lower_bound=1,
        flag_values=values,
    )
    flags.mark_flags_as_required(["run"], flag_values=values)


def run(values: flags.FlagValues) -> None:
    """Evaluates the agent and prints the return."""
    folder = RunFolder(values.run)
    trained_with = folder.read_config(values.env)["flags"]
    agent = folder.load_agent()
    evaluation = evaluation_of(
        agent,
        values.env or trained_with["env"],
        values.episodes,
        seed=values.seed,
        max_episode_steps=(
            values.max_episode_steps or trained_with.get("max_episode_steps")
        ),
        # The environment of gymnasium, never an in-graph version of it.
        engine="host",
    )
    print(summary(evaluation))
