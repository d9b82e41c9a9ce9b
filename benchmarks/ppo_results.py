r"""PPO for the time that ours took, environment by environment.

For each seed in `benchmarks/results/ENV.json`, PPO of stable-baselines3 with
the settings of the zoo trains until it has had both the wall seconds and the
processor seconds of that run, see `timed_ppo`. What comes out is kept in
`benchmarks/results/ppo/ENV.json`; a seed that is there is not run again.

    pip install 'keras-cem[bench,box2d]'
    python -m benchmarks.ppo_results
    python -m benchmarks.ppo_results --envs=CartPole-v1 --overwrite
"""

import json
import pathlib
import sys
import time

from absl import flags

from benchmarks import processes, result_files, result_tables, zoo
from benchmarks.result_files import Result, Results

# Apart from those of other modules, so that tests can import this one.
_FLAGS = flags.FlagValues()
_DEFINE = {"flag_values": _FLAGS}
_ENVS = flags.DEFINE_list(
    "envs", list(zoo.PPO_SETTINGS), "Environments.", **_DEFINE
)
_OVERWRITE = flags.DEFINE_bool(
    "overwrite", False, "Run again what is there.", **_DEFINE
)
_FOLDER = flags.DEFINE_string(
    "folder", str(result_files.FOLDER), "Of the figures.", **_DEFINE
)


def run(env: str, ours: Result, episodes: int) -> Result:
    """Trains PPO for the time of `ours`, and evaluates."""
    ended = processes.run(
        "benchmarks.timed_ppo",
        f"--env={env}",
        f"--seed={ours.seed}",
        f"--seconds={ours.seconds}",
        f"--processor_seconds={ours.processor_seconds or 0.0}",
        f"--episodes={episodes}",
        f"--started={time.time()}",
    )
    found = json.loads(ended.printed.splitlines()[-1])
    return Result(seed=ours.seed, **found)


def main(argv: list[str]) -> None:
    """Runs what is missing."""
    _FLAGS(argv)
    folder = pathlib.Path(_FOLDER.value)
    for env in _ENVS.value:
        ours = result_files.ours(folder, env)
        if ours is None:
            print(f"{env}: nothing to compare with yet", flush=True)
            continue
        results = result_tables.ppo(folder, env) or Results(
            env, zoo.PPO_SETTINGS[env], ours.episodes
        )
        seeds = {each.seed for each in ours.runs}
        results.runs = [each for each in results.runs if each.seed in seeds]
        for each in ours.runs:
            if results.has(each.seed) and not _OVERWRITE.value:
                continue
            results.add(run(env, each, ours.episodes))
            result_files.write(folder / result_tables.PPO, results)
            print(result_tables.line(results), flush=True)


if __name__ == "__main__":
    main(sys.argv)
