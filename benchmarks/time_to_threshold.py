r"""Seconds from the start of a process to its end, with CartPole solved.

Solved is a greedy mean of at least 475 over 100 episodes of gymnasium's own
CartPole-v1. In turn, seed by seed, each a process of its own:

- keras_cem: `keras-cem train --env=CartPole-v1 --engine=graph --nopreset` (the
  preset goes on to 499), which leaves a whole run folder: 100 greedy in-graph
  episodes after each iteration; where they reach 475, 100 of gymnasium's, which
  must exceed it by their standard error; in the end 100 of gymnasium's that
  nothing was decided on. What counts is the return of these.
- textbook: `benchmarks.textbook_cem`, one environment in PyTorch, checked after
  each iteration.
- PPO: `benchmarks.sb3_ppo`, stable-baselines3 with the settings of rl-zoo3,
  checked every 1,024 steps.

The checks of the last two are of the same rule, confirmation and last 100
episodes included; they play gymnasium's vector env and end as soon as 475 is
out of reach. These two save nothing.

Seconds of processors are printed as well, which other load disturbs less.

    pip install 'keras-cem[bench]'
    python -m benchmarks.time_to_threshold --seeds=0,1,2,3,4
"""

import json
import pathlib
import statistics
import tempfile
from typing import Any

from absl import app, flags

from benchmarks import processes

_SEEDS = flags.DEFINE_list("seeds", ["0", "1", "2", "3", "4"], "Seeds.")
_CONTESTANTS = flags.DEFINE_list(
    "contestants", ["keras_cem", "textbook", "PPO"], "Who takes part."
)

THRESHOLD = 475.0


def train(seed: str) -> dict[str, Any]:
    """Ours, by its command line."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = pathlib.Path(temporary) / "run"
        ended = processes.run(
            "keras_cem.cli.main",
            "train",
            "--env=CartPole-v1",
            "--engine=graph",
            "--nopreset",
            f"--seed={seed}",
            f"--output={folder}",
        )
        results = json.loads((folder / "results.json").read_text())
    return {
        **_times(ended),
        "return": results["episode_return_mean"],
        "env_steps": results["env_steps"],
    }


def peer(module: str, seed: str) -> dict[str, Any]:
    """Another, which prints its results."""
    ended = processes.run(module, f"--seed={seed}")
    return {**_times(ended), **json.loads(ended.printed.splitlines()[-1])}


def _times(ended: processes.Ended) -> dict[str, float]:
    return {
        "seconds": ended.seconds,
        "processors": ended.processor_seconds,
    }


CONTESTANTS = {
    "keras_cem": train,
    "textbook": lambda seed: peer("benchmarks.textbook_cem", seed),
    "PPO": lambda seed: peer("benchmarks.sb3_ppo", seed),
}


def main(argv: list[str]) -> None:
    """Runs them in turn and prints a table."""
    del argv
    rows: dict[str, list[dict[str, Any]]] = {}
    print(
        f"{'':10} {'seed':>4} {'return':>7} {'env steps':>9} {'seconds':>8} "
        f"{'processors':>10}"
    )
    for seed in _SEEDS.value:
        for name in _CONTESTANTS.value:
            row = CONTESTANTS[name](seed)
            rows.setdefault(name, []).append(row)
            solved = "" if row["return"] >= THRESHOLD else "  not solved"
            print(
                f"{name:10} {seed:>4} {row['return']:7.2f} "
                f"{row['env_steps']:>9,} {row['seconds']:8.1f} "
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
        solved = sum(row["return"] >= THRESHOLD for row in own)
        print(
            f"{name:10} median {seconds:.1f} s, {ratio:.2f} times as long as "
            f"{first} ({of_processors:.2f} in processors), solved {solved} of "
            f"{len(own)}"
        )


if __name__ == "__main__":
    app.run(main)
