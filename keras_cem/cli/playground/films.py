"""Films of the environment: a greedy and an explored episode."""

import base64
import time
from typing import Any

import gymnasium
import numpy as np

from keras_cem import CEMAgent
from keras_cem.cli.playground.board import Board
from keras_cem.pictures import film_episodes, films
from keras_cem.utils.closing import close_env

# Steps of a film, frames of it that are shown, and their width in pixels.
MAX_STEPS = 200
_MAX_FRAMES = 40
_WIDTH = 240


class Films:
    """Films the agent's episodes, a few steps at a time.

    It posts the parts `greedy` and `explored`: a picture with the frames below
    each other. If the environment cannot be drawn, it posts `undrawn`, the
    reason.

    Args:
        board: Where it posts.
    """

    def __init__(self, board: Board):
        self._board = board
        self._agent: CEMAgent | None = None
        self._env: gymnasium.Env | None = None
        self._env_id = ""
        self._films: list[_Film] = []
        # Iteration of the newest films.
        self._begun = -1

    def follow(self, agent: CEMAgent, env_id: str) -> None:
        """Films this agent in this environment from now on."""
        self._agent, self._films, self._begun = agent, [], -1
        if env_id != self._env_id:
            self.close()
            self._env_id = env_id
            self._board.post(greedy=None, explored=None, undrawn=None)
            try:
                self._env = film_episodes.open_env(env_id)
                film_episodes.try_first_frame(self._env)
            except (
                ImportError,
                RuntimeError,
                TypeError,
                ValueError,
                gymnasium.error.Error,
            ) as error:
                self._refuse(error)

    def advance(self, seconds: float, *, fresh: bool) -> bool:
        """Films for a while.

        Args:
            seconds: Time limit; it takes at least one step.
            fresh: Whether to begin again if the policy has learned since the
                films were begun.

        Returns:
            Whether it did anything.
        """
        agent, env = self._agent, self._env
        if agent is None or env is None:
            return False
        iteration = int(agent.iteration)
        if not self._films and iteration == self._begun:
            return False
        if not self._films or (fresh and iteration != self._begun):
            self._begun = iteration
            self._films = [
                _Film("greedy", agent, env, 0.0),
                _Film("explored", agent, env, float(agent.epsilon)),
            ]
        until = time.monotonic() + seconds
        try:
            while self._films:
                if self._films[0].step():
                    film = self._films.pop(0)
                    self._board.post(**{film.name: film.content()})
                if time.monotonic() > until:
                    break
        except Exception as error:  # whatever the environment raises
            self._refuse(error)
        return True

    def close(self) -> None:
        """Closes the environment."""
        env, self._env = self._env, None
        if env is not None:
            close_env(env)

    def _refuse(self, error: Exception) -> None:
        self._films = []
        self.close()
        self._board.post(greedy=None, explored=None, undrawn=str(error))


class _Film:
    """A film in the making.

    Args:
        name: Name of the part that it becomes.
        agent: Plays.
        env: An environment that renders frames.
        epsilon: Amount of exploration.
    """

    def __init__(
        self, name: str, agent: CEMAgent, env: gymnasium.Env, epsilon: float
    ):
        self.name = name
        self._agent = agent
        self._env = env
        self._epsilon = epsilon
        self._first = int(agent.iteration)
        self._observation: Any = None
        self._frames: list[np.ndarray] = []
        self._every = 1
        self._steps = 0
        self._total = 0.0
        self._ended = False

    def step(self) -> bool:
        """Takes a step; returns whether the film is complete."""
        if not self._frames:
            self._observation, _ = self._env.reset(seed=self._first)
        else:
            action = self._agent.act(self._observation, self._epsilon)
            self._observation, reward, terminated, truncated, _ = (
                self._env.step(action)
            )
            self._total += float(reward)
            self._steps += 1
            self._ended = bool(terminated or truncated)
        complete = self._ended or self._steps >= MAX_STEPS
        if complete or self._steps % self._every == 0:
            frame = np.asarray(self._env.render())
            films.check_frame(frame)
            block = -(-frame.shape[1] // _WIDTH)
            self._frames.append(films.smaller(frame, block))
        if len(self._frames) > _MAX_FRAMES:
            self._frames = self._frames[::2]
            self._every *= 2
        return complete

    def content(self) -> dict[str, Any]:
        """Returns the film for the page."""
        height, width, _ = self._frames[0].shape
        rate = float(self._env.metadata.get("render_fps") or 30)
        return {
            "image": _address(np.concatenate(self._frames)),
            "frames": len(self._frames),
            "width": width,
            "height": height,
            # Twice as slow as real time at most: few frames are left.
            "seconds": round(self._steps / rate, 2),
            "steps": self._steps,
            "return": round(self._total, 2),
            "ended": self._ended,
            "epsilon": round(self._epsilon, 4),
            # Iterations of the policies that played.
            "iterations": [self._first, int(self._agent.iteration)],
        }


def _address(image: np.ndarray) -> str:
    """Returns an image as a `data:` address of a PNG file."""
    import imageio.v3

    # The training waits: little compression, a fifth of the time.
    content = imageio.v3.imwrite(
        "<bytes>", image, extension=".png", compress_level=1
    )
    return "data:image/png;base64," + base64.b64encode(content).decode()
