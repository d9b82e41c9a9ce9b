r"""Seconds from the start of a process to its end, with an environment solved.

Solved is a greedy mean over 100 episodes of the threshold in
`benchmarks.greedy`, 475 for CartPole. In turn, seed by seed, each a process of
its own:

- keras_cem: `keras-cem train` with the preset and `--stop_at` the threshold; on
  CartPole `--engine=graph --nopreset`, because the preset goes on to 500. It
  leaves a whole run folder: 100 greedy validation episodes after each epoch;
  where they reach the threshold, 100 others must exceed it by their standard
  error; in the end 100 of gymnasium's that nothing was decided on. What counts
  is the return of these.
- textbook: `benchmarks.textbook_cem`, one environment in PyTorch, checked after
  each iteration; CartPole only.
- PPO: `benchmarks.sb3_ppo`, stable-baselines3 with the settings of rl-zoo3,
  checked every 1,024 steps on CartPole, elsewhere every 4,096 to 32,768. It
  gives up after `--patience` times our seconds.

The checks of the last two are of the same rule, confirmation and last 100
episodes included; they play gymnasium's vector env and end as soon as the
threshold is out of reach. These two save nothing.

Seconds of processors are printed as well, which other load disturbs less.

    pip install 'keras-cem[bench,box2d]'
    python -m benchmarks.time_to_threshold --seeds=0,1,2,3,4
"""

import json
import pathlib
import statistics
import tempfile
from typing import Any

from absl import app, flags

from benchmarks import processes
from benchmarks.greedy import CRITERIA, ENV, EPISODES

_ENVS = flags.DEFINE_list("envs", list(CRITERIA), "Environments.")
_SEEDS = flags.DEFINE_list("seeds", ["0", "1", "2", "3", "4"], "Seeds.")
_CONTESTANTS = flags.DEFINE_list(
    "contestants", ["keras_cem", "textbook", "PPO"], "Who takes part."
)
_PATIENCE = flags.DEFINE_float(
    "patience", 4.0, "PPO gives up after this many times our seconds."
)

Row = dict[str, Any]


def train(env: str, seed: str) -> Row:
    """Ours, by its command line."""
    own = ["--engine=graph", "--nopreset"] if env == ENV else []
    with tempfile.TemporaryDirectory() as temporary:
        folder = pathlib.Path(temporary) / "run"
        ended = processes.run(
            "keras_cem.cli.main",
            "train",
            f"--env={env}",
            f"--stop_at={CRITERIA[env].threshold}",
            f"--validation_episodes={EPISODES}",
            *own,
            f"--seed={seed}",
            f"--output={folder}",
        )
        results = json.loads((folder / "results.json").read_text())
    return {
        **_times(ended),
        "return": results["episode_return_mean"],
        "env_steps": results["env_steps"],
    }


def peer(module: str, *arguments: str) -> Row:
    """Another, which prints its results."""
    ended = processes.run(module, *arguments)
    return {**_times(ended), **json.loads(ended.printed.splitlines()[-1])}


def compete(name: str, env: str, seed: str, ours: Row | None) -> Row:
    """Runs one contestant.

    Args:
        name: Its name.
        env: Id of the environment.
        seed: Seed of the run.
        ours: What we needed, if we took part.
    """
    if name == "keras_cem":
        return train(env, seed)
    if name == "textbook":
        return peer("benchmarks.textbook_cem", f"--seed={seed}")
    limit = [] if ours is None else [ours["seconds"] * _PATIENCE.value]
    return peer(
        "benchmarks.sb3_ppo",
        f"--env={env}",
        f"--seed={seed}",
        *[f"--seconds={seconds}" for seconds in limit],
    )


def _times(ended: processes.Ended) -> dict[str, float]:
    return {
        "seconds": ended.seconds,
        "processors": ended.processor_seconds,
    }


def measure(env: str, names: list[str]) -> None:
    """Runs the contestants in turn and prints a table.

    Args:
        env: Id of the environment.
        names: The contestants.
    """
    threshold = CRITERIA[env].threshold
    rows: dict[str, list[Row]] = {name: [] for name in names}
    print(
        f"{env:14} {'seed':>4} {'return':>7} {'env steps':>10} {'seconds':>8} "
        f"{'processors':>10}"
    )
    for seed in _SEEDS.value:
        ours = None
        for name in names:
            row = compete(name, env, seed, ours)
            ours = row if name == "keras_cem" else ours
            rows[name].append(row)
            solved = "" if row["return"] >= threshold else "  not solved"
            print(
                f"{name:14} {seed:>4} {row['return']:7.2f} "
                f"{row['env_steps']:>10,} {row['seconds']:8.1f} "
                f"{row['processors']:10.1f}{solved}",
                flush=True,
            )
    first, *_ = rows
    for name, own in rows.items():
        ratio, of_processors = (
            statistics.median(
                row[key] / base[key]
                for row, base in zip(own, rows[first], strict=True)
            )
            for key in ("seconds", "processors")
        )
        seconds = statistics.median(row["seconds"] for row in own)
        solved = sum(row["return"] >= threshold for row in own)
        print(
            f"{name:14} median {seconds:.1f} s, {ratio:.2f} times as long as "
            f"{first} ({of_processors:.2f} in processors), solved {solved} of "
            f"{len(own)}",
            flush=True,
        )


def main(argv: list[str]) -> None:
    """Measures one environment after the other."""
    del argv
    for env in _ENVS.value:
        names = [
            name
            for name in _CONTESTANTS.value
            if name != "textbook" or env == ENV
        ]
        measure(env, names)


if __name__ == "__main__":
    app.run(main)
