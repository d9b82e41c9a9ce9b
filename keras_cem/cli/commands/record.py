"""`keras-cem record`."""

from absl import flags

from keras_cem.cli.flags.record_flags import define_flags as define_flags
from keras_cem.cli.run import environment, output_folder, provenance
from keras_cem.cli.run.folder import RunFolder
from keras_cem.pictures import film_episodes
from keras_cem.utils import extras


def run(values: flags.FlagValues) -> None:
    """Writes the videos."""
    extras.require("video", "`record` needs")
    folder = RunFolder(values.run)
    trained_with = folder.read_config(values.env, values.wrapper)["flags"]
    agent = folder.load_agent()
    names = [folder.mp4.name, folder.gif.name]
    output = output_folder.prepare(
        folder.path if values.output is None else values.output, names
    )
    mp4, gif = (output / name for name in names)
    max_frames = values.max_frames or film_episodes.MAX_FRAMES
    returns = film_episodes.record(
        agent,
        environment.for_film(environment.of(trained_with, values.env)),
        values.episodes,
        mp4=mp4,
        gif=gif,
        seed=values.seed,
        max_episode_steps=(
            values.max_episode_steps or trained_with.get("max_episode_steps")
        ),
        max_frames=max_frames,
        fps=values.fps,
    )
    if output == folder.path:
        provenance.note(folder, mp4, gif)
    for episode, value in enumerate(returns, 1):
        print(f"episode {episode}: return {value:.2f}")
    if len(returns) < values.episodes:
        print(f"The film ends early because of --max_frames={max_frames}.")
    print(f"Recorded: {mp4} {gif}")
