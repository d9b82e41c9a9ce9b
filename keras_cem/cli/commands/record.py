"""Films greedy episodes of the agent of a run: video.mp4 and video.gif.

The episodes are the first of the run's own final evaluation. No screen is
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
    path_flags.define("run", "Folder of a run. Required.", values)
    path_flags.define(
        "output", "Folder for the films; the run's own if not given.", values
    )
    flags.DEFINE_string(
        "env",
        None,
        "Environment; the run's own if not given.",
        flag_values=values,
    )
    flags.DEFINE_integer(
        "episodes", 1, "How many episodes.", lower_bound=1, flag_values=values
    )
    flags.DEFINE_integer(
        "seed",
        None,
        "Of the start states; the agent's if not given.",
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
    flags.DEFINE_integer(
        "max_frames",
        film_episodes.MAX_FRAMES,
        "Where the film ends at the latest.",
        lower_bound=1,
        flag_values=values,
    )
    flags.DEFINE_float(
        "fps",
        None,
        "Frames a second; what the environment says if not given.",
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
        print(f"Ended after --max_frames={values.max_frames}.")
    print(f"Recorded: {mp4} {gif}")
