import json

import pytest

from benchmarks import ppo_results, processes, result_files, result_tables
from benchmarks.result_files import Result, Results
from keras_cem.cli import presets

ENV = "CartPole-v1"


def ours(*runs):
    return Results(
        ENV,
        presets.load(ENV),
        100,
        runs=[
            Result(seed, 500.0, 0.0, 500.0, 10, seconds, None, 3, processors)
            for seed, seconds, processors in runs
        ],
    )


@pytest.fixture
def call(tmp_path, monkeypatch):
    """Calls the benchmark, whose trainings take no time; returns theirs."""
    started = []

    def fake(module, *arguments):
        assert module == "benchmarks.timed_ppo"
        given = dict(each.removeprefix("--").split("=") for each in arguments)
        assert float(given.pop("started")) > 0
        started.append(given)
        found = {
            "episode_return": 400.0,
            "standard_deviation": 1.0,
            "least": 399.0,
            "env_steps": 5,
            "seconds": float(given["seconds"]),
            "processor_seconds": 1.5,
        }
        return processes.Ended(f"noise\n{json.dumps(found)}\n", 9.0, 9.0)

    monkeypatch.setattr(processes, "run", fake)

    def call(*arguments):
        started.clear()
        ppo_results.main(
            ["ppo_results", f"--folder={tmp_path}", f"--envs={ENV}", *arguments]
        )
        return list(started)

    return call


def test_each_seed_has_the_time_of_ours(call, tmp_path, capsys):
    result_files.write(tmp_path, ours((3, 6.5, 9.25), (4, 7.5, None)))
    expected = [
        {
            "env": ENV,
            "seed": seed,
            "seconds": seconds,
            "processor_seconds": processors,
            "episodes": "100",
        }
        for seed, seconds, processors in [
            ("3", "6.5", "9.25"),
            ("4", "7.5", "0.0"),
        ]
    ]
    assert call("--nooverwrite") == expected
    found = result_tables.ppo(tmp_path, ENV)
    assert [(run.seed, run.seconds) for run in found.runs] == [
        (3, 6.5),
        (4, 7.5),
    ]
    assert found.runs[0].episode_return == 400.0
    assert found.runs[0].processor_seconds == 1.5
    assert "CartPole-v1: 400 400;" in capsys.readouterr().out


def test_only_seeds_of_ours_and_what_is_missing(call, tmp_path):
    result_files.write(tmp_path, ours((3, 6.5, 9.25), (4, 7.5, None)))
    call("--nooverwrite")
    result_files.write(tmp_path, ours((4, 7.5, None), (5, 1.0, None)))
    assert [each["seed"] for each in call("--nooverwrite")] == ["5"]
    found = result_tables.ppo(tmp_path, ENV)
    assert [run.seed for run in found.runs] == [4, 5]
    assert [each["seed"] for each in call("--overwrite")] == ["4", "5"]


def test_nothing_is_run_where_there_is_nothing_to_compare_with(call, capsys):
    assert call("--nooverwrite") == []
    assert capsys.readouterr().out == f"{ENV}: nothing to compare with yet\n"
