"""gymnasium's environments as TF-Agents' `PyEnvironment`s."""

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
    """A gymnasium environment for TF-Agents, which knows gym 0.23 only.

    `terminated` becomes LAST with discount 0, `truncated` LAST with discount 1.
    The step after LAST starts the next episode. Observations are in the dtypes
    of the space.

    Args:
        env: `gymnasium.Env`, or the id of one.

    Raises:
        TypeError: If `env` is neither.
        ValueError: If there is none of that id, or no spec for a space.
        RuntimeError: If the environment raises as it is made.
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
        """The environment that was given, or made from the id."""
        return self._env

    @property
    def max_episode_steps(self) -> int | None:
        """Steps after which it truncates its episodes; None if it does not."""
        return own_limit(self._env)

    def observation_spec(self) -> Any:
        return self._observation_spec

    def action_spec(self) -> Any:
        return self._action_spec

    def seed(self, seed: int) -> None:
        """Makes the next `reset`, and all that follows it, repeatable."""
        self._next_seed = int(seed)

    def get_info(self) -> Any:
        return self._info

    def render(self, mode: str = "rgb_array") -> Any:
        """Renders as the environment was made to.

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
