"""Records videos of the agent during training."""

import os
import pathlib
import warnings
from typing import Any

import keras

from keras_cem.pictures import film_episodes, films
from keras_cem.utils import checks, extras


class RecordVideo(keras.callbacks.Callback):
    """Writes videos of greedy episodes, such as `epoch-0010.mp4`.

    The number in the name is the epoch. Videos do not affect training. The
    first frame is rendered before training, so a faulty setup raises at once.
    If a later video fails, a warning is shown and training continues. It needs
    `pip install 'keras-cem[video]'` but no display.

    Args:
        directory: Folder for the videos.
        env: Id of a gymnasium environment, or a callable that makes one with
            `render_mode="rgb_array"`.
        every: Number of epochs between videos. The last epoch always has a
            video. Defaults to `10`.
        episodes: Episodes per video. Defaults to `1`.
        formats: One or both of `"mp4"` and `"gif"`. Defaults to `("mp4",)`.
        max_episode_steps: Maximum number of steps per episode. Defaults to
            `None`: the environment's own limit.

    Raises:
        ImportError: If the packages of the extra `video` are missing.
        ValueError: If an argument is out of range.
        RuntimeError: At the start of `fit`, if the first frame cannot be
            rendered.
    """

    def __init__(
        self,
        directory: str | os.PathLike[str],
        env: Any,
        every: int = 10,
        episodes: int = 1,
        formats: tuple[str, ...] = ("mp4",),
        max_episode_steps: int | None = None,
    ):
        super().__init__()
        extras.require("video", "`RecordVideo` needs")
        checks.path(directory=directory)
        checks.not_none(every=every, episodes=episodes)
        checks.at_least(
            1,
            every=every,
            episodes=episodes,
            max_episode_steps=max_episode_steps,
        )
        if not formats or not set(formats) <= set(films.VIDEO_FORMATS):
            raise ValueError(
                f"`formats` must be one or more of {films.VIDEO_FORMATS}. "
                f"Received: formats={formats!r}"
            )
        self.directory = pathlib.Path(directory)
        self.env = env
        self.every = every
        self.episodes = episodes
        self.formats = tuple(formats)
        self.max_episode_steps = max_episode_steps

    def on_train_begin(self, logs: Any = None) -> None:
        """Refuses an environment that cannot be rendered."""
        film_episodes.try_first_frame(self.env)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Records a video if one is due."""
        done = epoch + 1
        if (
            done % self.every
            and done != self.params["epochs"]
            and not self.model.stop_training
        ):
            return
        paths = {
            kind: self.directory / f"epoch-{done:04}.{kind}"
            for kind in self.formats
        }
        try:
            self.directory.mkdir(parents=True, exist_ok=True)
            film_episodes.record(
                self.model,
                self.env,
                self.episodes,
                max_episode_steps=self.max_episode_steps,
                mp4=paths.get("mp4"),
                gif=paths.get("gif"),
            )
        except Exception as error:
            warnings.warn(
                f"The film of epoch {done} could not be made. It raised "
                f"{type(error).__name__}: {error}",
                RuntimeWarning,
                stacklevel=2,
            )
