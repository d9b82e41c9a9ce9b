r"""What `keras-cem train` reaches, seed by seed.

Each seed is a process of its own, timed from start to exit. Its agent is
evaluated once more on episodes that no decision was made on.

    python -m benchmarks.train_seeds --env=CartPole-v1 --seeds=0,1,2,3,4
    python -m benchmarks.train_seeds --extra=--nopreset --engine=host
"""

import pathlib
import statistics
import tempfile

from absl import app, flags

from benchmarks import training

_ENV = flags.DEFINE_string("env", "CartPole-v1", "Environment.")
_SEEDS = flags.DEFINE_list("seeds", ["0", "1", "2", "3", "4"], "Seeds.")
_ENGINE = flags.DEFINE_string("engine", "auto", "As for `keras-cem train`.")
_EPISODES = flags.DEFINE_integer("episodes", 100, "Of the last evaluation.")
_EXTRA = flags.DEFINE_multi_string("extra", [], "Flag for `keras-cem train`.")


def run(folder: pathlib.Path, seed: str) -> dict[str, float]:
    """Trains and evaluates with one seed."""
    results = training.train(
        folder,
        _ENV.value,
        seed,
        [f"--engine={_ENGINE.value}", *_EXTRA.value],
    )
    ended = training.call(
        "evaluate",
        f"--run={folder}",
        f"--episodes={_EPISODES.value}",
        f"--seed={training.FRESH_SEED}",
    )
    return {
        "train": results["episode_return_mean"],
        "fresh": float(ended.printed.split("episodes: ")[1].split()[0]),
        "env_steps": results["env_steps"],
        "epochs": results["epochs"],
        "seconds": results["seconds"],
    }


def main(argv: list[str]) -> None:
    """Runs the seeds one after the other and prints a table."""
    del argv
    print(f"{_ENV.value}, engine={_ENGINE.value}, {_EPISODES.value} episodes")
    print(" seed   greedy    fresh  env steps  epochs  seconds")
    rows = []
    with tempfile.TemporaryDirectory() as temporary:
        for seed in _SEEDS.value:
            row = run(pathlib.Path(temporary) / seed, seed)
            rows.append(row)
            print(
                f"{seed:>5} {row['train']:8.2f} {row['fresh']:8.2f} "
                f"{row['env_steps']:>10,} {row['epochs']:>7} "
                f"{row['seconds']:8.1f}",
                flush=True,
            )
    print(
        f"least {min(row['fresh'] for row in rows):.2f}, median env steps "
        f"{statistics.median(row['env_steps'] for row in rows):,.0f}, median "
        f"seconds {statistics.median(row['seconds'] for row in rows):.1f}"
    )


if __name__ == "__main__":
    app.run(main)
