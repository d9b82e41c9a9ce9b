r"""PPO of stable-baselines3 on CartPole, with the settings of rl-zoo3.

It ends with the criterion of `greedy`, checked every 1,024 steps (four of its
32 x 8 rollouts), or with the 100,000 steps of the zoo.

    pip install 'keras-cem[bench]'
    python -m benchmarks.sb3_ppo --seed=0
"""

import numpy as np
import torch
from absl import app, flags
from stable_baselines3.common.callbacks import BaseCallback

from benchmarks import zoo_ppo
from benchmarks.greedy import ENV, GreedyCheck

_SEED = flags.DEFINE_integer("seed", 0, "Seed of all random numbers.")

STEPS, EVERY = 100_000, 1_024


class Until(BaseCallback):
    """Stops training once the criterion is met."""

    def __init__(self, check: GreedyCheck):
        super().__init__()
        self._check, self._next, self._passed = check, EVERY, False

    def _on_rollout_start(self) -> None:
        # The weights are those after the update.
        if self.num_timesteps >= self._next:
            self._next += EVERY
            self._passed = self._check.passed()

    def _on_step(self) -> bool:
        return not self._passed


def main(argv: list[str]) -> None:
    """Trains until the criterion is met."""
    del argv
    # Two threads take longer than one for networks of this size.
    torch.set_num_threads(1)
    model = zoo_ppo.make(ENV, _SEED.value)

    def act(observations: np.ndarray) -> np.ndarray:
        return model.predict(observations, deterministic=True)[0]

    check = GreedyCheck(act)
    model.learn(STEPS, callback=Until(check))
    check.report(model.num_timesteps)


if __name__ == "__main__":
    app.run(main)
