import json

import pytest

from benchmarks import result_files
from benchmarks.result_files import Result, Results
from keras_cem.cli import presets

ENV = "CartPole-v1"
SETTINGS = presets.load(ENV)


def result(seed, value=1.0):
    return Result(seed, value, 0.5, 0.0, env_steps=10, seconds=2.0)


@pytest.fixture
def results():
    return Results(ENV, SETTINGS, 100, runs=[result(3), result(5)])


def test_what_is_written_is_read(tmp_path, results):
    folder = tmp_path / "new"
    result_files.write(folder, results)
    assert result_files.read(folder, ENV, SETTINGS) == results
    assert result_files.ours(folder, ENV) == results
    assert [path.name for path in folder.iterdir()] == [f"{ENV}.json"]


def test_results_of_other_settings_are_not_taken(tmp_path, results):
    result_files.write(tmp_path, results)
    path = tmp_path / f"{ENV}.json"
    content = json.loads(path.read_text())
    content["settings"]["batch_size"] = 7
    path.write_text(json.dumps(content))
    assert result_files.ours(tmp_path, ENV) is None
    other = {**SETTINGS, "batch_size": 7}
    assert result_files.read(tmp_path, ENV, other).runs == results.runs


def test_there_is_nothing_where_there_is_no_file_and_no_preset(tmp_path):
    assert result_files.ours(tmp_path, ENV) is None
    assert result_files.ours(tmp_path, "Blackjack-v1") is None


def test_a_result_takes_the_place_of_its_seeds_older_one(results):
    results.add(result(4, 2.0))
    results.add(result(3, 3.0))
    assert results.runs == [result(3, 3.0), result(4, 2.0), result(5)]
    assert results.has(4)
    assert not results.has(6)
