r"""What the committed settings reach, environment by environment.

Each seed is a run of `keras-cem train` with the flags of `keras_cem.presets`.
Its best agent is then played greedily on gymnasium's own environment, on
episodes that no decision was made on. What comes out is kept in
`benchmarks/results/ENV.json`; a seed that is there is not run again.

    python -m benchmarks.results
    python -m benchmarks.results --envs=Taxi-v4 --seeds=0,1 --overwrite
    python -m benchmarks.results --report
"""

import dataclasses
import json
import pathlib
import statistics
import sys
import tempfile
from typing import Any

import keras
import numpy as np
from absl import flags

from benchmarks import training, value_iteration
from keras_cem import presets

# Apart from those of other modules, so that tests can import this one.
_FLAGS = flags.FlagValues()
_DEFINE = {"flag_values": _FLAGS}
_ENVS = flags.DEFINE_list("envs", presets.names(), "Environments.", **_DEFINE)
_SEEDS = flags.DEFINE_list(
    "seeds", ["0", "1", "2", "3", "4"], "Seeds.", **_DEFINE
)
_OVERWRITE = flags.DEFINE_bool(
    "overwrite", False, "Run again what is there.", **_DEFINE
)
_REPORT = flags.DEFINE_bool(
    "report", False, "Run nothing; print the table.", **_DEFINE
)
_FOLDER = flags.DEFINE_string(
    "folder",
    str(pathlib.Path(__file__).parent / "results"),
    "Of the figures.",
    **_DEFINE,
)

# Where returns differ much by luck, more.
EPISODES = {"FrozenLake-v1": 10000, "FrozenLake8x8-v1": 1000, "Taxi-v4": 1000}
DEFAULT_EPISODES = 100


@dataclasses.dataclass
class Result:
    """What one seed reached.

    Attributes:
        seed: The seed.
        episode_return: Mean over the episodes of the last evaluation.
        standard_deviation: Of their returns.
        least: Smallest of their returns.
        expected: Mean return of this policy by the environment's table of
            transitions, None where it has none.
        env_steps: Steps that training played.
        epochs: Of training.
        seconds: Of the process that trained.
    """

    seed: int
    episode_return: float
    standard_deviation: float
    least: float
    expected: float | None
    env_steps: int
    epochs: int
    seconds: float


def run(env: str, seed: int, folder: pathlib.Path) -> Result:
    """Trains with one seed and evaluates."""
    settings = presets.load(env)
    limit = settings.get("max_episode_steps")
    trained = training.train(folder, env, seed, presets.as_flags(settings))
    agent = keras.saving.load_model(folder / "agent.keras")
    returns = agent.collect(
        env,
        EPISODES.get(env, DEFAULT_EPISODES),
        seed=training.FRESH_SEED,
        engine="host",
        max_episode_steps=limit,
    ).returns
    return Result(
        seed=seed,
        episode_return=float(returns.mean(dtype="float64")),
        standard_deviation=float(returns.std(dtype="float64")),
        least=float(returns.min()),
        expected=expected_return(env, agent, limit),
        env_steps=trained["env_steps"],
        epochs=trained["epochs"],
        seconds=round(trained["seconds"], 1),
    )


def expected_return(env: str, agent: Any, limit: Any) -> float | None:
    """Returns the mean return of the greedy policy, free of luck."""
    table = _table(env, limit)
    if table is None:
        return None
    states = np.arange(len(table.starts))
    actions = agent.head.greedy(agent.predict(states, verbose=0)).numpy()
    values = value_iteration.of_policy(table.transitions, actions, table.steps)
    return float(values @ table.starts)


def best_return(env: str, limit: Any) -> float | None:
    """Returns the mean return of the best policy, None where it is unknown."""
    table = _table(env, limit)
    if table is None:
        return None
    values = value_iteration.values(table.transitions, table.steps)
    return float(values @ table.starts)


def _table(env: str, limit: Any) -> value_iteration.Table | None:
    try:
        return value_iteration.table_of(env, limit)
    except ValueError:
        return None


def row(env: str, results: list[Result]) -> str:
    """Writes one line of the table."""
    returns = [result.episode_return for result in results]
    best = best_return(env, presets.load(env).get("max_episode_steps"))
    expected = [
        result.expected for result in results if result.expected is not None
    ]
    cells = [
        env,
        " ".join(f"{value:.2f}" for value in returns),
        f"{min(returns):.2f}",
        f"{statistics.median(returns):.2f}",
        f"{min(expected):.3f}" if expected else "",
        "" if best is None else f"{best:.3f}",
        f"{statistics.median(r.env_steps for r in results):,.0f}",
        f"{statistics.median(r.seconds for r in results):.0f}",
    ]
    return f"| {' | '.join(cells)} |"


HEAD = """\
| environment | greedy return of each seed | least | median | least, exact \
| optimum | env steps | seconds |
|---|---|---|---|---|---|---|---|"""


def read(path: pathlib.Path, env: str) -> list[Result]:
    """Returns the results that are there, if of the present settings."""
    if not path.exists():
        return []
    content = json.loads(path.read_text())
    if content["settings"] != presets.load(env):
        return []
    return [Result(**each) for each in content["runs"]]


def write(path: pathlib.Path, env: str, results: list[Result]) -> None:
    """Keeps results, with the settings that they are of."""
    path.parent.mkdir(parents=True, exist_ok=True)
    content = {
        "env": env,
        "settings": presets.load(env),
        "episodes": EPISODES.get(env, DEFAULT_EPISODES),
        "runs": [dataclasses.asdict(result) for result in results],
    }
    path.write_text(json.dumps(content, indent=2) + "\n")


def main(argv: list[str]) -> None:
    """Runs what is missing, and prints the table."""
    _FLAGS(argv)
    print(HEAD, flush=True)
    for env in _ENVS.value:
        path = pathlib.Path(_FOLDER.value) / f"{env}.json"
        results = {result.seed: result for result in read(path, env)}
        for seed in map(int, [] if _REPORT.value else _SEEDS.value):
            if seed in results and not _OVERWRITE.value:
                continue
            with tempfile.TemporaryDirectory() as folder:
                results[seed] = run(env, seed, pathlib.Path(folder))
            write(path, env, [results[each] for each in sorted(results)])
        if results:
            print(row(env, [results[s] for s in sorted(results)]), flush=True)


if __name__ == "__main__":
    main(sys.argv)
