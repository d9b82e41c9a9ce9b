"""Gymnasium environments as TF-Agents' `PyEnvironment`s."""

from typing import Any

import gymnasium
import numpy as np
import tensorflow as tf
from tf_agents.environments import py_environment
from tf_agents.trajectories import time_step as ts

from keras_cem import spaces
from keras_cem.adapters.gymnasium import own_limit
from keras_cem.adapters.gymnasium_ids import make_env
from keras_cem.adapters.tf_agents import specs
from keras_cem.utils import checks


class GymnasiumPyEnvironment(py_environment.PyEnvironment):
    """A gymnasium environment for TF-Agents, which supports only gym 0.23.

    `terminated` becomes LAST with discount 0, `truncated` LAST with discount 1.
    The step after LAST starts the next episode. Observations have the dtypes of
    the observation space.

    Args:
        env: `gymnasium.Env` or an environment id.

    Raises:
        TypeError: If `env` is neither an environment nor an id.
        ValueError: If the id is unknown, or a space has no TF-Agents spec.
        RuntimeError: If the environment raises while it is made.
    """

    def __init__(self, env: Any):
        if isinstance(env, str):
            env = make_env(env)
        if not isinstance(env, gymnasium.Env):
            raise TypeError(
                "`env` must be a `gymnasium.Env` or the id of one. "
                f"Received: env={env!r} of type {type(env).__name__}"
            )
        super().__init__(handle_auto_reset=True)
        self._env = env
        self._observation_space = spaces.get(
            env.observation_space, "observation_space"
        )
        self._action_space = spaces.get(env.action_space, "action_space")
        self._observation_spec = specs.from_space(
            self._observation_space, "observation"
        )
        self._action_spec = specs.from_space(self._action_space, "action")
        self._next_seed: int | None = None
        self._info: Any = {}

    @property
    def gymnasium_env(self) -> gymnasium.Env:
        """The gymnasium environment."""
        return self._env

    @property
    def max_episode_steps(self) -> int | None:
        """Step limit after which episodes are truncated; None for no limit."""
        return own_limit(self._env)

    def observation_spec(self) -> Any:
        return self._observation_spec

    def action_spec(self) -> Any:
        return self._action_spec

    def seed(self, seed: int) -> None:
        """Seeds the next `reset`, so that all later episodes are repeatable."""
        self._next_seed = int(seed)

    def get_info(self) -> Any:
        return self._info

    def render(self, mode: str = "rgb_array") -> Any:
        """Renders the environment in its own `render_mode`.

        Args:
            mode: Must be the environment's `render_mode`. Defaults to
                `"rgb_array"`.
        """
        checks.one_of((self._env.render_mode,), mode=mode)
        return self._env.render()

    def close(self) -> None:
        self._env.close()

    def _reset(self) -> ts.TimeStep:
        observation, self._info = self._env.reset(seed=self._next_seed)
        self._next_seed = None
        return ts.restart(self._observation(observation))

    def _step(self, action: Any) -> ts.TimeStep:
        action = self._action_space.pack(
            [
                leaf.dtype.type(value)
                if leaf.shape == ()
                else np.asarray(value, leaf.dtype)
                for leaf, value in zip(
                    self._action_space.leaves,
                    tf.nest.flatten(action),
                    strict=True,
                )
            ]
        )
        observation, reward, terminated, truncated, self._info = self._env.step(
            action
        )
        observation, reward = self._observation(observation), np.float32(reward)
        if terminated:
            return ts.termination(observation, reward)
        if truncated:
            return ts.truncation(observation, reward)
        return ts.transition(observation, reward)

    def _observation(self, observation: Any) -> Any:
        space = self._observation_space
        return space.pack(
            [
                np.asarray(value, leaf.dtype)
                for leaf, value in zip(
                    space.leaves, space.flatten(observation), strict=True
                )
            ]
        )
