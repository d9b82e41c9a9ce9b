"""Films greedy episodes of a run's agent as video.mp4 and video.gif.

The episodes are the first ones of the run's final evaluation. No screen is
needed.
"""

from absl import flags

from keras_cem.cli.flags import path_flags
from keras_cem.cli.run import output_folder, provenance
from keras_cem.cli.run.folder import RunFolder
from keras_cem.pictures import film_episodes
from keras_cem.utils import extras


def define_flags(values: flags.FlagValues) -> None:
    """Defines the flags of this command."""
    path_flags.define(
        "run", "Run folder of `keras-cem train`. Required.", values
    )
    path_flags.define(
        "output", "Folder for the films. If not given, the run folder.", values
    )
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
        film_episodes.MAX_FRAMES,
        "Maximum number of frames in the film.",
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


def run(values: flags.FlagValues) -> None:
    """Writes the videos."""
    extras.require("video", "`record` needs")
    folder = RunFolder(values.run)
    trained_with = folder.read_config(values.env)["flags"]
    agent = folder.load_agent()
    names = [folder.mp4.name, folder.gif.name]
    output = output_folder.prepare(
        folder.path if values.output is None else values.output, names
    )
    mp4, gif = (output / name for name in names)
    returns = film_episodes.record(
        agent,
        values.env or trained_with["env"],
        values.episodes,
        mp4=mp4,
        gif=gif,
        seed=values.seed,
        max_episode_steps=(
            values.max_episode_steps or trained_with.get("max_episode_steps")
        ),
        max_frames=values.max_frames,
        fps=values.fps,
    )
    if output == folder.path:
        provenance.note(folder, mp4, gif)
    for episode, value in enumerate(returns, 1):
        print(f"episode {episode}: return {value:.2f}")
    if len(returns) < values.episodes:
        print(
            f"The film ends early because of --max_frames={values.max_frames}."
        )
    print(f"Recorded: {mp4} {gif}")
