"""Plays the agent of a run greedily and prints its return."""

import tempfile

from absl import flags

from keras_cem.cli.console import CommandError
from keras_cem.cli.flags import path_flags
from keras_cem.cli.hub import repository
from keras_cem.cli.run.folder import RunFolder
from keras_cem.cli.run.results import evaluation_of, summary


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


def run(values: flags.FlagValues) -> None:
    """Evaluates the agent and prints the return."""
    if (values.run is None) == (values.hub is None):
        raise CommandError(
            "--run must be given, or --hub. Received: "
            f"--run={values.run}, --hub={values.hub}"
        )
    if values.hub is None:
        _evaluate(RunFolder(values.run), values)
        return
    with tempfile.TemporaryDirectory() as directory:
        _evaluate(repository.pull(values.hub, directory), values)


def _evaluate(folder: RunFolder, values: flags.FlagValues) -> None:
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
