"""The criterion of `time_to_threshold`, for every contestant but ours."""

import json
import math
from collections.abc import Callable
from typing import NamedTuple

import gymnasium
import numpy as np

ENV, EPISODES = "CartPole-v1", 100


class Criterion(NamedTuple):
    """When an environment counts as solved.

    Attributes:
        threshold: Greedy mean return, the `reward_threshold` of gymnasium.
            Pendulum has none: -200.
        most: Largest reward of a step.
        every: Environment steps of PPO between checks.
    """

    threshold: float
    most: float
    every: int


CRITERIA = {
    ENV: Criterion(475.0, 1.0, 1_024),
    "MountainCar-v0": Criterion(-110.0, 0.0, 8_192),
    "Pendulum-v1": Criterion(-200.0, 0.0, 4_096),
    "Acrobot-v1": Criterion(-100.0, 0.0, 8_192),
    "LunarLander-v3": Criterion(200.0, math.inf, 32_768),
}


class GreedyCheck:
    """Plays 100 greedy episodes of gymnasium's own environment at a time.

    The rule is that of `keras-cem train`: where 100 episodes reach the
    threshold, 100 others must exceed it by their standard error. They are
    played in a vector env, an episode each, and end as soon as the threshold is
    out of reach, so that a check costs little before it is passed.

    Args:
        act: From observations `(100, ...)` to greedy actions `(100, ...)`.
        env: Id of an environment of `CRITERIA`.
    """

    def __init__(self, act: Callable[[np.ndarray], np.ndarray], env: str = ENV):
        self._act = act
        self._env = gymnasium.make_vec(
            env, num_envs=EPISODES, vectorization_mode="sync"
        )
        self._limit = gymnasium.spec(env).max_episode_steps
        self._criterion = CRITERIA[env]
        self._plays = 0
        self.checks = 0

    def passed(self) -> bool:
        """Whether the criterion is met."""
        self.checks += 1
        threshold = self._criterion.threshold
        if self._play().mean() < threshold:
            return False
        returns = self._play()
        error = returns.std() / math.sqrt(EPISODES)
        return bool(returns.mean() - error >= threshold)

    def report(self, env_steps: int) -> None:
        """Prints what `time_to_threshold` reads.

        Args:
            env_steps: Steps of training.
        """
        found = {
            # Of episodes that nothing was decided on.
            "return": float(self._play().mean()),
            "env_steps": env_steps,
            "checks": self.checks,
        }
        print(json.dumps(found))

    def _play(self) -> np.ndarray:
        """Returns; most they could become, once that is below the threshold."""
        # Other start states each time, and none that training begins with.
        self._plays += 1
        observations, _ = self._env.reset(seed=10**6 + EPISODES * self._plays)
        live = np.ones(EPISODES, bool)
        returns = np.zeros(EPISODES)
        for step in range(self._limit):
            observations, rewards, terminated, truncated, _ = self._env.step(
                self._act(observations)
            )
            returns += live * rewards
            live &= ~(terminated | truncated)
            left = self._criterion.most * max(self._limit - step - 1, 1)
            most = np.where(live, returns + left, returns)
            if most.mean() < self._criterion.threshold or not live.any():
                return most
        return returns
