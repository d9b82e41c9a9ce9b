import json

import keras
import pytest

import keras_cem as cem
from benchmarks import results, training
from benchmarks.result_files import Result
from keras_cem.cli import presets

ENV = "FrozenLake-v1"


def result(seed, value):
    return Result(
        seed=seed,
        episode_return=value,
        standard_deviation=0.5,
        least=0.0,
        expected=value,
        env_steps=1000 * (seed + 1),
        epochs=3,
        seconds=1.5,
        processor_seconds=3.5,
    )


@pytest.fixture
def command(tmp_path, monkeypatch):
    """Calls the benchmark with runs that take no time; returns which ran."""
    ran = []

    def fake(env, seed, folder):
        del folder
        ran.append((env, seed))
        return result(seed, 0.5 + seed / 10)

    monkeypatch.setattr(results, "run", fake)

    def call(*arguments):
        ran.clear()
        results.main(["results", f"--folder={tmp_path}", *arguments])
        return list(ran)

    return call


def test_what_is_there_is_not_run_again(command, tmp_path, capsys):
    arguments = [f"--envs={ENV}", "--seeds=0,1", "--nooverwrite", "--noreport"]
    assert command(*arguments) == [(ENV, 0), (ENV, 1)]
    content = json.loads((tmp_path / f"{ENV}.json").read_text())
    assert content["settings"] == presets.load(ENV)
    assert content["episodes"] == results.EPISODES[ENV]
    assert [run["seed"] for run in content["runs"]] == [0, 1]
    arguments[1] = "--seeds=0,1,2"
    assert command(*arguments) == [(ENV, 2)]
    arguments[2] = "--overwrite"
    assert len(command(*arguments)) == 3
    capsys.readouterr()
    assert command(f"--envs={ENV}", "--nooverwrite", "--report") == []
    printed = capsys.readouterr().out.splitlines()
    # Seeds, least exact return, goals, optimum, median steps and seconds.
    assert (
        f"| {ENV} | 0-2 | 10,000 | 0.5 | 0.72, 0.74 | neither | 0.7442 | 3 "
        "| 2,000 | 2 | 4 |"
    ) in printed


def test_pages_are_written_from_the_folder(command, tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(results.result_tables, "write_pages", asked.append)
    arguments = ["--noreport", "--nooverwrite"]
    assert command("--pages", *arguments) == []
    assert asked == [tmp_path]
    command("--nopages", "--report", "--nooverwrite")
    assert asked == [tmp_path]


@pytest.mark.slow
def test_a_run_trains_with_the_preset_and_plays_what_it_saved(
    tmp_path, monkeypatch
):
    """An agent that always goes down, which the table knows the mean of."""

    def fake(folder, env, seed, given):
        assert (env, seed) == (ENV, 3)
        assert given == presets.as_flags(presets.load(ENV))
        agent = cem.CEMAgent.from_env(env, hidden_units=(), seed=seed)
        kernel, bias = agent.policy.get_weights()
        bias[1] = 100.0
        agent.policy.set_weights([kernel, bias])
        agent.save(folder / "agent.keras")
        return {
            "env_steps": 12,
            "epochs": 2,
            "seconds": 3.25,
            "processor_seconds": 4.75,
        }

    monkeypatch.setattr(training, "train", fake)
    monkeypatch.setitem(results.EPISODES, ENV, 200)
    found = results.run(ENV, 3, tmp_path)
    assert (found.seed, found.env_steps, found.epochs) == (3, 12, 2)
    assert (found.seconds, found.processor_seconds) == (3.2, 4.8)
    table = results.value_iteration.table_of(ENV)
    expected = results.value_iteration.of_policy(
        table.transitions, [1] * 16, table.steps
    )
    assert found.expected == pytest.approx(expected @ table.starts)
    margin = 5 * found.standard_deviation / 200**0.5 + 1e-9
    assert abs(found.episode_return - found.expected) < max(margin, 0.05)
    keras.backend.clear_session()


def test_environments_without_a_table_have_no_optimum():
    assert results.best_return("CartPole-v1", None) is None
    assert results.best_return("CliffWalking-v1", 200) == -13


@pytest.mark.parametrize(
    ("env", "steps"),
    [
        ("MountainCar-v0", 200),  # gymnasium's; the preset leaves it alone
        ("LunarLanderContinuous-v3", 1000),  # gymnasium's; the preset's is 400
        ("CliffWalking-v1", 200),  # the preset's; gymnasium has no limit
    ],
)
def test_evaluated_episodes_are_as_long_as_gymnasium_has_them(env, steps):
    assert results.evaluated_steps(env) == steps
