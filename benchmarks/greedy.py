"""The criterion of `time_to_threshold`, for every contestant but ours."""

import json
import math
from collections.abc import Callable

import gymnasium
import numpy as np

ENV, THRESHOLD, EPISODES = "CartPole-v1", 475.0, 100


class GreedyCheck:
    """Plays 100 greedy episodes of gymnasium's own CartPole at a time.

    The rule is that of `keras-cem train`: where 100 episodes reach 475, 100
    others must exceed it by their standard error. They are played in a vector
    env, an episode each, and end as soon as the threshold is out of reach, so
    that a check costs little before it is passed.

    Args:
        act: From observations `(100, 4)` to greedy actions `(100,)`.
    """

    def __init__(self, act: Callable[[np.ndarray], np.ndarray]):
        self._act = act
        self._env = gymnasium.make_vec(
            ENV, num_envs=EPISODES, vectorization_mode="sync"
        )
        self._limit = gymnasium.spec(ENV).max_episode_steps
        self._plays = 0
        self.checks = 0

    def passed(self) -> bool:
        """Whether the criterion is met."""
        self.checks += 1
        if self._play().mean() < THRESHOLD:
            return False
        returns = self._play()
        error = returns.std() / math.sqrt(EPISODES)
        return bool(returns.mean() - error >= THRESHOLD)

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
        """Returns; most they could become, once that is below 475."""
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
            # A reward of 1 a step is all that is left to get.
            most = returns + live * (self._limit - step - 1)
            if most.mean() < THRESHOLD or not live.any():
                return most
        return returns
