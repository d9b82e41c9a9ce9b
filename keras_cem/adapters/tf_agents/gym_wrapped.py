"""gym environments in TF-Agents' wrapper, played without it.

TF-Agents spends 50 us on wrapping a step of gym's CartPole, which takes 4 us
(`benchmarks/tf_agents_cartpole.py`). What the wrapper decides is decided here
as in release 0.19.0, the last one.
"""

from typing import Any

import numpy as np
from tf_agents.environments import gym_wrapper, wrappers

from keras_cem.adapters.tf_agents.py_environments import Seeding, Step


def is_gym_wrapped(env: Any) -> bool:
    """Whether `env` is as `suite_gym.load` makes it, nothing around it.

    Args:
        env: A `PyEnvironment`, not batched.
    """
    inner = env.wrapped_env() if type(env) is wrappers.TimeLimit else env
    return (
        # Subclasses may do something else.
        type(inner) is gym_wrapper.GymWrapper
        and inner._match_obs_space_dtype
        and len(inner._flat_obs_spec) == 1
        and inner._flat_obs_spec[0] is inner.observation_spec()
    )


class GymWrapped:
    """A gym environment in a `GymWrapper`, as a `gymnasium.Env`.

    The wrapper does not notice: whoever steps it next starts an episode.

    Args:
        env: What `is_gym_wrapped`.
    """

    def __init__(self, env: Any):
        self._limit: int | None = None
        self._layers = [env]
        if type(env) is wrappers.TimeLimit:
            self._limit = env.duration
            self._layers.append(env.wrapped_env())
        wrapper = self._layers[-1]
        self._env = wrapper.gym
        self._dtype = wrapper.observation_spec().dtype
        self._last_discount = float(wrapper._discount)
        self._seed = Seeding(env)
        self._steps = 0

    def reset(self, *, seed: int | None = None) -> tuple[Any, dict[str, Any]]:
        if seed is not None:
            self._seed(seed)
        for layer in self._layers:
            layer._current_time_step = None
        self._steps = 0
        return np.asarray(self._env.reset(), self._dtype), {}

    def step(self, action: Any) -> Step:
        observation, reward, done, _ = self._env.step(action)
        self._steps += 1
        over = bool(done) or self._steps == self._limit
        terminated = bool(done) or (over and self._last_discount == 0.0)
        return (
            np.asarray(observation, self._dtype),
            reward,
            terminated,
            over and not terminated,
            {},
        )

    def close(self) -> None:
        self._layers[0].close()
