"""Films greedy episodes."""

import contextlib
import dataclasses
import importlib
import itertools
import os
import pathlib
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from keras_cem import envs, prng, spaces
from keras_cem.pictures import films
from keras_cem.saving import interrupts
from keras_cem.utils import checks
from keras_cem.utils.closing import close_env

# About a minute of film for most environments.
MAX_FRAMES = 3000
_DEFAULT_FPS = 30


def record(
    agent: Any,
    env: Any,
    episodes: int = 1,
    *,
    mp4: str | os.PathLike[str] | None = None,
    gif: str | os.PathLike[str] | None = None,
    seed: int | None = None,
    max_episode_steps: int | None = None,
    max_frames: int = MAX_FRAMES,
    fps: float | None = None,
) -> list[float]:
    """Films greedy episodes in one environment; needs no screen.

    The episodes equal the first episodes of `agent.collect` with the same seed,
    if the environment is deterministic for a given seed and actions.

    Args:
        agent: A `CEMAgent`, built.
        env: Id of a gymnasium environment; a callable that makes one with
            `render_mode="rgb_array"`, or such an environment, which stays
            open; a vector environment or an in-graph environment, of whose
            registered id a new environment is made; or a `PyEnvironment` or
            `TFPyEnvironment` of TF-Agents, not batched, which stays open.
        episodes: Number of episodes. Defaults to `1`.
        mp4: MP4 file to write. Defaults to `None`.
        gif: GIF file to write. Defaults to `None`.
        seed: Seed of the resets. Defaults to `None`: the agent's seed.
        max_episode_steps: Largest number of steps per episode. Defaults to
            `None`: the limit of the environment.
        max_frames: Largest number of frames of the film. Defaults to `3000`.
        fps: Frames per second. Defaults to `None`: the environment's value.

    Returns:
        The returns of the episodes that were filmed completely.

    Raises:
        ImportError: If the packages of the extra `video` are missing.
        ValueError: If an argument is out of range, or the environment does not
            render frames.
        TypeError: If `env` is none of these.
        RuntimeError: If the environment raises.
    """
    checks.at_least(
        1,
        episodes=episodes,
        max_episode_steps=max_episode_steps,
        max_frames=max_frames,
    )
    checks.at_least(0, seed=seed)
    if fps is not None:
        checks.number(1, 240, fps=fps)
    seeds = prng.reset_seeds(
        agent.seed if seed is None else seed,
        prng.COLLECT_RESETS,
        int(agent.iteration),
        episodes,
    )
    if max_episode_steps is None and isinstance(env, envs.Environment):
        max_episode_steps = env.max_episode_steps
    made = open_env(env)
    returns: list[float] = []
    try:
        if spaces.get(made.action_space) != agent.action_space:
            raise ValueError(
                "`env` must have the agent's action space, "
                f"{agent.action_space}. "
                f"Received: action_space={made.action_space}"
            )
        frames = _frames(agent, made, seeds, max_episode_steps, returns)
        films.write(
            itertools.islice(frames, max_frames),
            fps or made.metadata.get("render_fps") or _DEFAULT_FPS,
            None if mp4 is None else pathlib.Path(mp4),
            None if gif is None else pathlib.Path(gif),
        )
    finally:
        if made is not env:
            close_env(made)
    return returns


def try_first_frame(env: Any) -> None:
    """Refuses an environment whose first frame cannot be filmed.

    Args:
        env: As `record` takes it.

    Raises:
        ImportError, RuntimeError, ValueError: As in `record`.
    """
    made = open_env(env)
    try:
        with _environments_own("reset"):
            made.reset(seed=0)
        films.check_frame(_picture(made))
    finally:
        if made is not env:
            close_env(made)


def _frames(
    agent: Any,
    env: Any,
    seeds: list[int],
    max_episode_steps: int | None,
    returns: list[float],
) -> Iterator[np.ndarray]:
    for seed in seeds:
        with _environments_own("reset"):
            observation, _ = env.reset(seed=seed)
        total, step, ended = 0.0, 0, False
        yield _picture(env)
        while not ended:
            interrupts.check()
            action = agent.act(observation)
            with _environments_own("step"):
                observation, reward, terminated, truncated, _ = env.step(action)
            total, step = total + float(reward), step + 1
            ended = terminated or truncated or step == max_episode_steps
            if ended:
                returns.append(total)
            yield _picture(env)


def _picture(env: Any) -> np.ndarray:
    with _environments_own("render"):
        frame = env.render()
    if not isinstance(frame, np.ndarray):
        raise ValueError(
            "`env` must support render_mode='rgb_array'. Received: "
            f"{type(frame).__name__} from `render` of {env}"
        )
    return frame


@contextlib.contextmanager
def _environments_own(call: str) -> Iterator[None]:
    """Turns an exception of the environment into a `RuntimeError`.

    So it is not taken for a wrong argument of `record`.
    """
    import gymnasium

    try:
        yield
    except (ImportError, gymnasium.error.DependencyNotInstalled):
        raise  # Its message names the package to install.
    except Exception as error:
        raise RuntimeError(
            f"`{call}` of the environment raised {type(error).__name__}: "
            f"{error}"
        ) from error


def _check_drawable(env: envs.Environment[Any]) -> None:
    """Refuses an in-graph environment that gymnasium's own does not equal."""
    reference = envs.make(env.id) if env.id in envs.registry else None
    if reference is None or not _equal(env.parameters, reference.parameters):
        raise ValueError(
            "`env` must be an in-graph environment of gymnasium with its "
            f"default parameters, because gymnasium draws it. Received: "
            f"env={env!r}. Pass a callable that makes an environment with "
            "render_mode='rgb_array'."
        )


def _equal(first: Any, second: Any) -> bool:
    return type(first) is type(second) and all(
        np.array_equal(getattr(first, field.name), getattr(second, field.name))
        for field in dataclasses.fields(first)
    )


def open_env(env: Any) -> Any:
    """Makes an environment that can be filmed.

    Args:
        env: As `record` takes it.

    Raises:
        ValueError: If no environment has this id, or it cannot render frames.
        TypeError: If `env` is none of these.
        RuntimeError: If making the environment raises.
    """
    # SDL looks for a screen even if no window is opened.
    os.environ.setdefault("SDL_VIDEODRIVER", "dummy")
    import gymnasium

    if isinstance(env, gymnasium.Env):
        return env
    if isinstance(env, envs.Environment):
        _check_drawable(env)
        env = env.id
    elif isinstance(env, gymnasium.vector.VectorEnv):
        env = getattr(env.spec, "id", None)
    # Late imports by name: these modules need gymnasium, this package does not.
    tf_agents = importlib.import_module("keras_cem.adapters.tf_agents.sources")
    if tf_agents.is_environment(env):
        return tf_agents.for_film(env)
    make: Callable[..., Any] = env
    if callable(env):
        with _environments_own("__init__"):
            return make()
    if not isinstance(env, str):
        raise TypeError(
            "`env` must be an id, an environment of gymnasium, TF-Agents or "
            f"`keras_cem.envs`, or a callable. Received: env={env!r}"
        )
    ids = importlib.import_module("keras_cem.adapters.gymnasium_ids")
    found = ids.make_env(env)
    modes = found.metadata.get("render_modes") or []
    close_env(found)
    if "rgb_array" not in modes:
        raise ValueError(
            "`env` must support render_mode='rgb_array'. Received: "
            f"env={env!r}, which supports {modes}"
        )
    return ids.make_env(env, render_mode="rgb_array")
