import json

import keras
import pytest

import keras_cem as cem
from benchmarks import results, training
from keras_cem import presets

ENV = "FrozenLake-v1"


def result(seed, value):
    return results.Result(
        seed=seed,
        episode_return=value,
        standard_deviation=0.5,
        least=0.0,
        expected=value,
        env_steps=1000 * (seed + 1),
        epochs=3,
        seconds=1.5,
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
    *_, line = capsys.readouterr().out.splitlines()
    # Seeds, least, median, exact least, optimum, median steps, seconds.
    assert line == (
        f"| {ENV} | 0.50 0.60 0.70 | 0.50 | 0.60 | 0.500 | 0.744 | 2,000 | 2 |"
    )


def test_results_of_other_settings_are_not_taken(tmp_path):
    path = tmp_path / f"{ENV}.json"
    results.write(path, ENV, [result(0, 0.5)])
    assert results.read(path, ENV) == [result(0, 0.5)]
    content = json.loads(path.read_text())
    content["settings"]["batch_size"] = 7
    path.write_text(json.dumps(content))
    assert results.read(path, ENV) == []
    assert results.read(tmp_path / "none.json", ENV) == []


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
        return {"env_steps": 12, "epochs": 2, "seconds": 3.25}

    monkeypatch.setattr(training, "train", fake)
    monkeypatch.setitem(results.EPISODES, ENV, 200)
    found = results.run(ENV, 3, tmp_path)
    assert (found.seed, found.env_steps, found.epochs) == (3, 12, 2)
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
