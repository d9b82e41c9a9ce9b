r"""What the committed settings reach, environment by environment.

Each seed is a run of `keras-cem train` with the flags of
`keras_cem.cli.presets`. Its best agent is then played greedily on gymnasium's
own environment, on episodes that no decision was made on. What comes out is
kept in `benchmarks/results/ENV.json`; a seed that is there is not run again.

    python -m benchmarks.results
    python -m benchmarks.results --envs=Taxi-v4 --seeds=0,1 --overwrite
    python -m benchmarks.results --report

`--pages` writes the tables of README.md and docs/results.md anew, and what
`keras-cem list` shows of them.
"""

import pathlib
import sys
import tempfile
from typing import Any

import gymnasium
import keras
import numpy as np
from absl import flags

from benchmarks import (
    result_files,
    result_tables,
    training,
    value_iteration,
)
from benchmarks.result_files import Result, Results
from keras_cem.cli import presets

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
    "report", False, "Run nothing; print the tables.", **_DEFINE
)
_PAGES = flags.DEFINE_bool(
    "pages", False, "Run nothing; write the tables into the pages.", **_DEFINE
)
_FOLDER = flags.DEFINE_string(
    "folder", str(result_files.FOLDER), "Of the figures.", **_DEFINE
)

# Where returns differ much by luck, more.
EPISODES = {
    "Acrobot-v1": 1000,
    "FrozenLake-v1": 10000,
    "FrozenLake8x8-v1": 1000,
    "Taxi-v4": 1000,
}
DEFAULT_EPISODES = 100


def run(env: str, seed: int, folder: pathlib.Path) -> Result:
    """Trains with one seed and evaluates."""
    limit = evaluated_steps(env)
    given = presets.as_flags(presets.load(env))
    trained = training.train(folder, env, seed, given)
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
        env_steps=trained["env_steps"],
        seconds=round(trained["seconds"], 1),
        expected=expected_return(env, agent, limit),
        epochs=trained["epochs"],
        processor_seconds=round(trained["processor_seconds"], 1),
    )


def evaluated_steps(env: str) -> Any:
    """Returns how long an episode of the last evaluation may be.

    As gymnasium has it, also where training has shorter episodes; as training
    has it where gymnasium sets no limit.
    """
    standard = gymnasium.spec(env).max_episode_steps
    return standard or presets.load(env).get("max_episode_steps")


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


def complete(env: str, seeds: list[int], folder: pathlib.Path) -> None:
    """Runs the seeds that `folder` has no results of."""
    settings = presets.load(env)
    results = result_files.ours(folder, env) or Results(
        env,
        settings,
        EPISODES.get(env, DEFAULT_EPISODES),
        best_return(env, evaluated_steps(env)),
    )
    for seed in seeds:
        if results.has(seed) and not _OVERWRITE.value:
            continue
        with tempfile.TemporaryDirectory() as temporary:
            results.add(run(env, seed, pathlib.Path(temporary)))
        result_files.write(folder, results)
        print(result_tables.line(results), flush=True)


def main(argv: list[str]) -> None:
    """Runs what is missing, and prints or writes the tables."""
    _FLAGS(argv)
    folder = pathlib.Path(_FOLDER.value)
    if _PAGES.value:
        result_tables.write_pages(folder)
        return
    if not _REPORT.value:
        for env in _ENVS.value:
            complete(env, [int(seed) for seed in _SEEDS.value], folder)
    for name, table in result_tables.tables(folder, _ENVS.value).items():
        print(f"\n{name}\n\n{table}")


if __name__ == "__main__":
    main(sys.argv)
