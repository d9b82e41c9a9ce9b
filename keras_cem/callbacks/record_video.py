"""Films the agent as it learns."""

import os
import pathlib
import warnings
from typing import Any

import keras

from keras_cem.pictures import film_episodes, films
from keras_cem.utils import checks, extras


class RecordVideo(keras.callbacks.Callback):
    """Writes films of greedy episodes, named after the epoch: `epoch-0010.mp4`.

    Nothing of training depends on it: the first frame is drawn before training,
    which raises what is wrong, and a film that fails later is left out with a
    warning. It needs `pip install
    'keras-cem[video]'`, and no screen.

    Args:
        directory: Folder for the films.
        env: Id of a gymnasium environment, or a callable that makes one with
            `render_mode="rgb_array"`.
        every: Epochs between films; the last one is always filmed. Defaults to
            `10`.
        episodes: Episodes a film. Defaults to `1`.
        formats: Which of `"mp4"` and `"gif"`. Defaults to `("mp4",)`.
        max_episode_steps: Where to cut off an episode. Defaults to `None`:
            where the environment does.

    Raises:
        ImportError: If the packages of the extra `video` are missing.
        ValueError: If an argument is out of range.
        RuntimeError: If the first frame cannot be drawn, as training begins.
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
        checks.at_least(
            1,
            every=every,
            episodes=episodes,
            max_episode_steps=max_episode_steps,
        )
        if not formats or not set(formats) <= set(films.FORMATS):
            raise ValueError(
                f"`formats` must be some of {films.FORMATS}. "
                f"Received: formats={formats!r}"
            )
        self.directory = pathlib.Path(directory)
        self.env = env
        self.every = every
        self.episodes = episodes
        self.formats = tuple(formats)
        self.max_episode_steps = max_episode_steps

    def on_train_begin(self, logs: Any = None) -> None:
        """Refuses what cannot be filmed, before anything is learned."""
        film_episodes.try_first_frame(self.env)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Films, if it is time to."""
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
