r"""PPO of stable-baselines3 with the settings of rl-zoo3, until it has solved.

It ends with the criterion of `greedy`, on CartPole checked every 1,024 steps
(four of its 32 x 8 rollouts), with the steps of the zoo, or with the time.

    pip install 'keras-cem[bench]'
    python -m benchmarks.sb3_ppo --seed=0
"""

import math
import time

import numpy as np
import torch
from absl import app, flags
from stable_baselines3.common.callbacks import BaseCallback

from benchmarks import zoo, zoo_ppo
from benchmarks.greedy import CRITERIA, ENV, GreedyCheck

_ENV = flags.DEFINE_enum("env", ENV, list(CRITERIA), "Environment.")
_SEED = flags.DEFINE_integer("seed", 0, "Seed of all random numbers.")
_SECONDS = flags.DEFINE_float(
    "seconds", math.inf, "Wall seconds after which to give up."
)


class Until(BaseCallback):
    """Stops training once the criterion is met, or the time is over."""

    def __init__(self, check: GreedyCheck, every: int, end: float):
        super().__init__()
        self._check, self._every, self._end = check, every, end
        self._next, self._passed = every, False

    def _on_rollout_start(self) -> None:
        # The weights are those after the update.
        if self.num_timesteps >= self._next:
            self._next += self._every
            self._passed = self._check.passed()

    def _on_step(self) -> bool:
        return not self._passed and time.perf_counter() < self._end


def main(argv: list[str]) -> None:
    """Trains until the criterion is met."""
    del argv
    # Two threads take longer than one for networks of this size.
    torch.set_num_threads(1)
    end = time.perf_counter() + _SECONDS.value
    env = _ENV.value
    model = zoo_ppo.make(env, _SEED.value)
    normalized = model.get_vec_normalize_env()

    def act(observations: np.ndarray) -> np.ndarray:
        if normalized is not None:
            observations = normalized.normalize_obs(observations)
        return model.predict(observations, deterministic=True)[0]

    check = GreedyCheck(act, env)
    model.learn(
        zoo.PPO[env].env_steps,
        callback=Until(check, CRITERIA[env].every, end),
    )
    check.report(model.num_timesteps)


if __name__ == "__main__":
    app.run(main)
