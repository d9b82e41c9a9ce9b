r"""PPO with the settings of the zoo, for a given time instead of steps.

Training ends once both the wall seconds and the processor seconds given have
passed, the start of Python and imports included. Linear schedules of the zoo
fall with the time. What the last policy reaches greedily is played after that.

    pip install 'keras-cem[bench]'
    python -m benchmarks.timed_ppo --env=CartPole-v1 --seed=0 --seconds=10 \
        --processor_seconds=12
"""

import json
import time

import numpy as np
import torch
from absl import app, flags
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.evaluation import evaluate_policy

from benchmarks import zoo_ppo
from benchmarks.budgets import Budget
from benchmarks.training import FRESH_SEED

_ENV = flags.DEFINE_string("env", "CartPole-v1", "Environment.")
_SEED = flags.DEFINE_integer("seed", 0, "Seed of all random numbers.")
_SECONDS = flags.DEFINE_float("seconds", 10.0, "Wall seconds of training.")
_PROCESSOR_SECONDS = flags.DEFINE_float(
    "processor_seconds", 0.0, "Processor seconds of training."
)
_STARTED = flags.DEFINE_float(
    "started", None, "Unix time that counts as the start; now, if not given."
)
_EPISODES = flags.DEFINE_integer("episodes", 100, "Of the evaluation.")

# More than pass in any time.
STEPS = 10**12
# Environments of the evaluation.
ENVS = 10


class WithinBudget(BaseCallback):
    """Stops training once a budget is used up."""

    def __init__(self, budget: Budget):
        super().__init__()
        self._budget = budget

    def _on_step(self) -> bool:
        return self._budget.left() > 0


def main(argv: list[str]) -> None:
    """Trains, evaluates, and prints what `ppo_results` reads."""
    del argv
    started = time.time() if _STARTED.value is None else _STARTED.value
    # Two threads take longer than one for networks of this size.
    torch.set_num_threads(1)
    budget = Budget(started, _SECONDS.value, _PROCESSOR_SECONDS.value)
    model = zoo_ppo.make(_ENV.value, _SEED.value, lambda _: budget.left())
    model.learn(STEPS, callback=WithinBudget(budget))
    seconds, processor_seconds = budget.used()
    returns, _ = evaluate_policy(
        model,
        zoo_ppo.evaluation_env(model, _ENV.value, ENVS, FRESH_SEED),
        _EPISODES.value,
        return_episode_rewards=True,
    )
    found = {
        "episode_return": float(np.mean(returns)),
        "standard_deviation": float(np.std(returns)),
        "least": float(np.min(returns)),
        "env_steps": model.num_timesteps,
        "seconds": round(seconds, 1),
        "processor_seconds": round(processor_seconds, 1),
    }
    print(json.dumps(found))


if __name__ == "__main__":
    app.run(main)
