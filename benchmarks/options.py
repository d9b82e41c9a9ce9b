r"""What each option of the method does on one environment.

Each row trains with and without the option, otherwise alike: five seeds, and
the same number of environment steps, up to the end of an iteration. The greedy
policy is then played for 100 episodes of gymnasium's own environment, on
episodes that no decision was made on. The option of the row `recorded` is to
learn from recorded episodes before; those of `use_ema` and `use_ema_noise` are
of the optimizer.

    python -m benchmarks.options
    python -m benchmarks.options --rows=discount,elite_memory --seeds=0,1
"""

import dataclasses
import statistics
import sys
import time
from typing import Any

import gymnasium
import keras
import numpy as np
from absl import flags

import keras_cem as cem
from benchmarks import training

EPISODES = 100

_FLAGS = flags.FlagValues()
_DEFINE = {"flag_values": _FLAGS}
_ROWS = flags.DEFINE_list("rows", [], "Of the table; all if empty.", **_DEFINE)
_SEEDS = flags.DEFINE_list(
    "seeds", ["0", "1", "2", "3", "4"], "Seeds.", **_DEFINE
)


@dataclasses.dataclass(frozen=True)
class Row:
    """An option, and where to look at it.

    Attributes:
        name: What the row is asked for by.
        env: Id of the environment.
        option: Arguments of `CEMAgent` that are tried.
        env_steps: How many to train for.
        batch_size: K.
        agent: Arguments of `CEMAgent` in both cases.
        learning_rate: Of Adam.
        minimum: Floor of epsilon, which falls as 1/n.
        recorded: How many recorded episodes to learn from before, where the
            option is tried.
        optimizer: Arguments of Adam, where the option is tried.
    """

    name: str
    env: str
    option: dict[str, Any]
    env_steps: int
    batch_size: int
    agent: dict[str, Any] = dataclasses.field(default_factory=dict)
    learning_rate: float = 1e-2
    minimum: float = 0.0
    recorded: int = 0
    optimizer: dict[str, Any] = dataclasses.field(default_factory=dict)


_LAKE = {"elite_quantile": 0.7, "gradient_steps": 10}
_CAR = {"elite_quantile": 0.9, "gradient_steps": 20}
_HELD = {**_CAR, "persistence": 100}

ROWS = [
    Row("gradient_steps", "CartPole-v1", {"gradient_steps": 10}, 40_000, 16),
    Row(
        "minibatch_size",
        "CartPole-v1",
        {"gradient_steps": 10, "minibatch_size": 256},
        40_000,
        16,
    ),
    Row("discount", "FrozenLake-v1", {"discount": 0.9}, 50_000, 100, _LAKE),
    Row(
        "elite_memory",
        "MountainCar-v0",
        {"elite_memory": 20, "elite_memory_age": 5},
        400_000,
        50,
        _HELD,
        minimum=0.05,
    ),
    Row(
        "episodes_per_start",
        "Taxi-v4",
        {"episodes_per_start": 8},
        8_000_000,
        2000,
        {"elite_quantile": 0.8, "gradient_steps": 10},
        minimum=0.02,
    ),
    Row(
        "episodes_per_policy",
        "FrozenLake-v1",
        {"episodes_per_policy": 5},
        50_000,
        100,
        _LAKE,
    ),
    Row(
        "normalize_observations",
        "MountainCar-v0",
        {"normalize_observations": True},
        400_000,
        50,
        _HELD,
        minimum=0.05,
    ),
    Row(
        "noise",
        "MountainCarContinuous-v0",
        {"noise": "correlated"},
        1_000_000,
        100,
        {"elite_quantile": 0.9, "gradient_steps": 20},
        minimum=0.1,
    ),
    Row(
        "persistence",
        "MountainCar-v0",
        {"persistence": 100},
        1_000_000,
        200,
        _CAR,
        minimum=0.05,
    ),
    Row(
        "entropy_coefficient",
        "FrozenLake-v1",
        {"entropy_coefficient": 0.01},
        50_000,
        100,
        _LAKE,
    ),
    Row(
        "recorded",
        "MountainCar-v0",
        {},
        200_000,
        50,
        _CAR,
        minimum=0.05,
        recorded=200,
    ),
    Row(
        "use_ema",
        "CartPole-v1",
        {},
        40_000,
        16,
        {"gradient_steps": 10, "minibatch_size": 256},
        optimizer={"use_ema": True, "ema_momentum": 0.99},
    ),
    Row(
        "use_ema_noise",
        "Pendulum-v1",
        {},
        16_000_000,
        1000,
        {"elite_quantile": 0.9, "gradient_steps": 20},
        minimum=0.5,
        optimizer={"use_ema": True, "ema_momentum": 0.99},
    ),
]


class StopAfter(keras.callbacks.Callback):
    """Stops after the iteration in which so many steps were played.

    Args:
        env_steps: How many.
    """

    def __init__(self, env_steps: int):
        super().__init__()
        self._env_steps = env_steps

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        del epoch
        if logs["env_steps"] >= self._env_steps:
            self.model.stop_training = True


def agent_of(
    row: Row, seed: int, option: dict[str, Any], tried: bool = False
) -> cem.CEMAgent:
    """Returns the untrained agent of one run."""
    agent = cem.CEMAgent.from_env(
        row.env, hidden_units=(32,), seed=seed, **{**row.agent, **option}
    )
    optimizer = row.optimizer if tried else {}
    agent.compile(keras.optimizers.Adam(row.learning_rate, **optimizer))
    return agent


def drive(env_id: str, count: int) -> list[dict[str, Any]]:
    """Records a clumsy driver of the mountain car.

    It pushes to where the car goes, but for a share of random actions that is
    each episode's own, uniform between none and all.

    Args:
        env_id: A mountain car with three actions.
        count: How many episodes.
    """
    env, generator = gymnasium.make(env_id), np.random.default_rng(0)
    episodes = []
    for seed in range(count):
        observation, _ = env.reset(seed=seed)
        episode: dict[str, Any] = {
            name: [] for name in ("observations", "actions", "rewards")
        }
        clumsiness, over = generator.uniform(), False
        while not over:
            action = 2 if observation[1] > 0 else 0
            if generator.uniform() < clumsiness:
                action = int(generator.integers(3))
            episode["observations"].append(observation)
            episode["actions"].append(action)
            observation, reward, terminated, truncated, _ = env.step(action)
            episode["rewards"].append(reward)
            over = terminated or truncated
        episodes.append(episode)
    return episodes


def warm_up(agent: cem.CEMAgent, row: Row) -> None:
    """Learns from recorded episodes; prints what they and it are worth."""
    episodes = drive(row.env, row.recorded)
    agent.fit(episodes, batch_size=row.batch_size, epochs=20, verbose=0)
    played = agent.collect(
        row.env, EPISODES, seed=training.FRESH_SEED, engine="host"
    )
    print(
        f"recorded {np.mean([sum(e['rewards']) for e in episodes]):.2f}, "
        f"imitated {np.mean(played.returns):.2f}",
        file=sys.stderr,
    )


def run(
    row: Row, seed: int, option: dict[str, Any], tried: bool = False
) -> float:
    """Trains; returns the mean greedy return.

    Args:
        row: What to train.
        seed: Of the agent.
        option: Arguments of the agent.
        tried: Whether to learn from the recorded episodes of `row` before, and
            by its optimizer.
    """
    start = time.perf_counter()
    agent = agent_of(row, seed, option, tried)
    if tried and row.recorded:
        warm_up(agent, row)
    agent.fit(
        row.env,
        batch_size=row.batch_size,
        # More than are ever needed: an episode has a step at least.
        epochs=row.env_steps // row.batch_size + 1,
        callbacks=[
            cem.callbacks.EpsilonDecay(minimum=row.minimum),
            StopAfter(row.env_steps),
        ],
        verbose=0,
    )
    played = agent.collect(
        row.env, EPISODES, seed=training.FRESH_SEED, engine="host"
    )
    reached = float(np.mean(played.returns))
    what = option or "default"
    if tried:
        what = "recorded" if row.recorded else option or row.optimizer
    print(
        f"{row.env}, {what}, seed {seed}: {reached:.2f} after "
        f"{int(agent.env_steps):,} steps, {time.perf_counter() - start:.0f} s",
        file=sys.stderr,
        flush=True,
    )
    return reached


def write(row: Row, without: list[float], with_it: list[float]) -> str:
    """Writes one line of the table."""
    named = ", ".join(f"{name}={value!r}" for name, value in row.option.items())
    named = f"`{named}`"
    if row.recorded:
        named = f"`fit` on {row.recorded} recorded episodes first"
    if row.optimizer:
        given = [f"{name}={value!r}" for name, value in row.optimizer.items()]
        named = f"`Adam({', '.join(given)})`"
    cells = [named, row.env, f"{row.env_steps:,}"]
    for returns in (without, with_it):
        each = " ".join(f"{value:.2f}" for value in returns)
        cells += [each, f"{statistics.mean(returns):.2f}"]
    return f"| {' | '.join(cells)} |"


HEAD = """\
| option | environment | env steps | default, each seed | mean \
| with the option, each seed | mean |
|---|---|---|---|---|---|---|"""


def chosen(names: list[str]) -> list[Row]:
    """Returns the rows of these names, all if there are none.

    Raises:
        ValueError: If there is no row of a name.
    """
    known = {row.name: row for row in ROWS}
    unknown = [name for name in names if name not in known]
    if unknown:
        raise ValueError(
            f"--rows must be among {', '.join(known)}. "
            f"Received: --rows={','.join(unknown)}"
        )
    return [known[name] for name in names or known]


def main(argv: list[str]) -> None:
    """Runs the rows and prints the table."""
    _FLAGS(argv)
    seeds = [int(seed) for seed in _SEEDS.value]
    # Rows may share what they compare with.
    defaults: dict[str, list[float]] = {}
    print(HEAD, flush=True)
    for row in chosen(_ROWS.value):
        shared = repr(
            dataclasses.replace(
                row, name="", option={}, recorded=0, optimizer={}
            )
        )
        if shared not in defaults:
            defaults[shared] = [run(row, seed, {}) for seed in seeds]
        with_it = [run(row, seed, row.option, tried=True) for seed in seeds]
        print(write(row, defaults[shared], with_it), flush=True)


if __name__ == "__main__":
    main(sys.argv)
