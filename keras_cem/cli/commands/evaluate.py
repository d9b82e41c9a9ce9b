"""`keras-cem evaluate`."""

import tempfile

from absl import flags

from keras_cem.cli.console import CommandError
from keras_cem.cli.flags.evaluate_flags import define_flags as define_flags
from keras_cem.cli.hub import repository
from keras_cem.cli.run import environment
from keras_cem.cli.run.folder import RunFolder
from keras_cem.cli.run.results import evaluation_of, summary


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
    trained_with = folder.read_config(values.env, values.wrapper)["flags"]
    agent = folder.load_agent()
    evaluation = evaluation_of(
        agent,
        environment.of(trained_with, values.env),
        values.episodes,
        seed=values.seed,
        max_episode_steps=(
            values.max_episode_steps or trained_with.get("max_episode_steps")
        ),
        # The environment of gymnasium, never an in-graph version of it.
        engine="host",
    )
    print(summary(evaluation))
