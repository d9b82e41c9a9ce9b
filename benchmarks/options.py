r"""What an option of the method does, against the same agent without it.

Both learn from the same number of environment steps. What is compared is the
best policy by validation within them, played greedily on gymnasium's own
environment on episodes that no decision was made on.

    python -m benchmarks.options
    python -m benchmarks.options --options=persistence --seeds=0
"""

import dataclasses
import statistics
import sys
from typing import Any

import keras
from absl import flags

from benchmarks import training
from keras_cem import CEMAgent, callbacks, schedules

_FLAGS = flags.FlagValues()
_SEEDS = flags.DEFINE_list(
    "seeds", ["0", "1", "2", "3", "4"], "Seeds.", flag_values=_FLAGS
)


@dataclasses.dataclass
class Comparison:
    """One environment, with and without an option.

    Attributes:
        env: Id of the environment.
        env_steps: How many to learn from.
        batch_size: K.
        agent: Arguments of both agents.
        option: Further ones of the agent with the option.
        schedule: Of epsilon, for both.
        minimum: Floor of epsilon, for both.
        floor: That with the option.
        episodes: Of each evaluation.
    """

    env: str
    env_steps: int
    batch_size: int
    agent: dict[str, Any]
    option: dict[str, Any] = dataclasses.field(default_factory=dict)
    schedule: Any = dataclasses.field(default_factory=schedules.HarmonicDecay)
    minimum: float = 0.0
    floor: float | None = None
    episodes: int = 100


COMPARISONS = {
    'noise="correlated"': Comparison(
        "MountainCarContinuous-v0",
        1_500_000,
        500,
        {"elite_quantile": 0.7, "gradient_steps": 10},
        {"noise": "correlated"},
    ),
    "persistence=100": Comparison(
        "MountainCar-v0",
        5_000_000,
        500,
        {"elite_quantile": 0.9, "gradient_steps": 20},
        {"persistence": 100},
        minimum=0.05,
    ),
    "EpsilonDecay(minimum=0.1)": Comparison(
        "Pendulum-v1",
        10_000_000,
        1000,
        {"elite_quantile": 0.9, "gradient_steps": 10},
        floor=0.1,
    ),
    "entropy_coefficient=0.05": Comparison(
        "FrozenLake-v1",
        300_000,
        500,
        {"elite_quantile": 0.7, "gradient_steps": 20},
        {"entropy_coefficient": 0.05},
        episodes=1000,
    ),
}
_OPTIONS = flags.DEFINE_list(
    "options", list(COMPARISONS), "Which of them.", flag_values=_FLAGS
)


class KeepBest(keras.callbacks.Callback):
    """Keeps the best weights by validation; stops after some steps.

    Args:
        env_steps: How many.
    """

    def __init__(self, env_steps: int):
        super().__init__()
        self._env_steps = env_steps
        self._best = -float("inf")
        self._weights: list[Any] = []

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Looks at the epoch, unless it went beyond the steps."""
        if logs["env_steps"] > self._env_steps:
            self.model.stop_training = True
            return
        if logs["val_episode_return"] > self._best:
            self._best = logs["val_episode_return"]
            self._weights = self.model.policy.get_weights()

    def on_train_end(self, logs: Any = None) -> None:
        """Takes the best weights up again."""
        if self._weights:
            self.model.policy.set_weights(self._weights)


def reached(comparison: Comparison, with_option: bool, seed: int) -> float:
    """Returns the greedy return of one agent."""
    option = comparison.option if with_option else {}
    minimum = comparison.minimum
    if with_option and comparison.floor is not None:
        minimum = comparison.floor
    agent = CEMAgent.from_env(
        comparison.env, seed=seed, **comparison.agent, **option
    )
    agent.compile(keras.optimizers.Adam(0.01))
    agent.fit(
        comparison.env,
        batch_size=comparison.batch_size,
        # No episode is shorter than a step.
        epochs=comparison.env_steps,
        validation_data=comparison.env,
        validation_batch_size=comparison.episodes,
        verbose=0,
        callbacks=[
            callbacks.EpsilonDecay(comparison.schedule, minimum),
            KeepBest(comparison.env_steps),
        ],
    )
    returns = agent.collect(
        comparison.env,
        comparison.episodes,
        seed=training.FRESH_SEED,
        engine="host",
    ).returns
    return float(returns.mean(dtype="float64"))


def main(argv: list[str]) -> None:
    """Prints a row an option."""
    _FLAGS(argv)
    print(
        "| option | environment | env steps | default, each seed | median "
        "| with it, each seed | median |\n|---|---|---|---|---|---|---|",
        flush=True,
    )
    for name in _OPTIONS.value:
        comparison = COMPARISONS[name]
        cells = [f"`{name}`", comparison.env, f"{comparison.env_steps:,}"]
        for with_option in (False, True):
            found = [
                reached(comparison, with_option, int(seed))
                for seed in _SEEDS.value
            ]
            cells.append(" ".join(f"{value:.2f}" for value in found))
            cells.append(f"{statistics.median(found):.2f}")
        print(f"| {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main(sys.argv)
