import json
import pathlib

import pytest

from benchmarks import result_files, result_tables, zoo
from benchmarks.result_files import Result, Results
from keras_cem.cli import presets

ROOT = pathlib.Path(__file__).parents[2]


def results_of(env, returns, *, expected=None, optimum=None, **given):
    given = {"env_steps": 12_345, "seconds": 6.4, **given}
    return Results(
        env,
        presets.load(env),
        100,
        optimum,
        [
            Result(seed, value, 0.5, 0.0, expected=expected, **given)
            for seed, value in enumerate(returns, 5)
        ],
    )


def ppo_of(env, returns, **given):
    results = results_of(env, returns, **given)
    results.settings = zoo.PPO_SETTINGS[env]
    return results


def test_pages_show_what_the_files_of_results_hold():
    """If not: `python -m benchmarks.results --pages`."""
    made = result_tables.tables(result_files.FOLDER)
    shown = set()
    for page in result_tables.PAGES:
        text = (ROOT / page).read_text()
        shown |= {name for name in made if f"<!-- table {name} -->" in text}
        assert result_tables.filled(text, made) == text
    assert shown == set(made)
    summary = result_tables.summary(result_files.FOLDER)
    assert (ROOT / result_tables.SUMMARY).read_text() == summary


def test_every_committed_result_is_of_a_committed_preset():
    """If not, it is missing in the tables: run it, and PPO, again."""
    for path in result_files.FOLDER.glob("*.json"):
        assert result_files.ours(result_files.FOLDER, path.stem), path.stem
    for path in (result_files.FOLDER / "ppo").glob("*.json"):
        ppo = result_tables.ppo(result_files.FOLDER, path.stem)
        ours = result_files.ours(result_files.FOLDER, path.stem)
        assert {run.seed for run in ppo.runs} <= {
            run.seed for run in ours.runs
        }, path.stem


def test_rows_stand_in_the_order_of_the_goals(tmp_path):
    for env in ["Acrobot-v1", "CartPole-v1", "Taxi-v4"]:
        result_files.write(tmp_path, results_of(env, [1.0]))
    table = result_tables.tables(tmp_path)["results"]
    rows = [line.split(" | ")[0] for line in table.splitlines()[2:]]
    assert rows == ["| CartPole-v1", "| Acrobot-v1", "| Taxi-v4"]
    table = result_tables.tables(tmp_path, ["Taxi-v4"])["results"]
    assert len(table.splitlines()) == 3


def test_the_readme_has_six_environments():
    made = result_tables.tables(result_files.FOLDER)
    rows = [line.split(" | ")[0] for line in made["readme"].splitlines()[2:]]
    assert rows == [f"| {env}" for env in result_tables.SIX]


def test_cells_of_a_row(tmp_path):
    ours = results_of("MountainCar-v0", [-100.126, -98.5], epochs=80)
    result_files.write(tmp_path, ours)
    result_files.write(
        tmp_path / "ppo",
        ppo_of("MountainCar-v0", [-200.0, -150.0], processor_seconds=7.5),
    )
    made = result_tables.tables(tmp_path)
    assert made["results"].splitlines()[-1] == (
        "| MountainCar-v0 | -100.1 -98.5 | 12,345 | 6 | -200 -150 "
        "| -110.4 ± 19.5 (1M) | -122 ± 33.5 (500k) |"
    )
    assert made["details"].splitlines()[-1] == (
        "| MountainCar-v0 | 5-6 | 100 | -100.1 | -110, -101 | both |  | 80 "
        "| 12,345 | 6 |  |"
    )
    assert made["peers"].splitlines()[-1] == (
        "| MountainCar-v0 | -100.1 -98.5 | -200 -150 | 12,345 | 12,345 "
        "| 6 | 6 |  | 8 |"
    )


def test_peers_are_those_that_ppo_was_trained_on(tmp_path):
    result_files.write(tmp_path, results_of("Taxi-v4", [7.0]))
    assert len(result_tables.tables(tmp_path)["peers"].splitlines()) == 2


@pytest.mark.parametrize(
    ("returns", "expected", "optimum", "reached"),
    [
        ([500.0, 474.9], None, None, "neither"),
        ([500.0, 475.0], None, None, "the first"),
        ([500.0, 500.0], None, None, "both"),
    ],
)
def test_goals_are_what_every_seed_reached(returns, expected, optimum, reached):
    found = results_of(
        "CartPole-v1", returns, expected=expected, optimum=optimum
    )
    assert result_tables.reached(found) == reached


@pytest.mark.parametrize(
    ("expected", "reached"),
    [(7.9, "neither"), (7.93, "the first"), (8.0, "both")],
)
def test_goals_of_a_table_are_its_optimum_whatever_the_luck(expected, reached):
    found = results_of("Taxi-v4", [1.0], expected=expected, optimum=8.0)
    assert result_tables.goals(found) == (pytest.approx(7.92), 8.0)
    assert result_tables.reached(found) == reached


def test_a_page_keeps_what_stands_around_its_tables():
    text = (
        "a\n<!-- table one -->\nold\nlines\n<!-- end of table -->\nb\n"
        "<!-- table two -->\n<!-- end of table -->\n"
    )
    assert result_tables.filled(text, {"one": "1", "two": "2"}) == (
        "a\n<!-- table one -->\n1\n<!-- end of table -->\nb\n"
        "<!-- table two -->\n2\n<!-- end of table -->\n"
    )


def test_pages_are_written(tmp_path):
    (tmp_path / "docs").mkdir()
    page = "<!-- table results -->\n<!-- end of table -->\n"
    for name in result_tables.PAGES:
        (tmp_path / name).write_text(page)
    summary = tmp_path / result_tables.SUMMARY
    summary.parent.mkdir(parents=True)
    result_files.write(tmp_path, results_of("Taxi-v4", [1.0]))
    result_tables.write_pages(tmp_path, tmp_path)
    for name in result_tables.PAGES:
        written = (tmp_path / name).read_text()
        assert "| Taxi-v4 | 1 |" in written
    assert set(json.loads(summary.read_text())) == {"Taxi-v4"}


def test_summary_is_over_all_seeds(tmp_path):
    result_files.write(tmp_path, results_of("Taxi-v4", [7.0, 8.5, 8.5]))
    result_files.write(tmp_path, results_of("Acrobot-v1", [-80.0, -90.0]))
    made = json.loads(result_tables.summary(tmp_path))
    assert made == {
        "Acrobot-v1": {
            "episode_return": -85.0,
            "least": -90.0,
            "seeds": 2,
            "episodes": 100,
            "env_steps": 12_345,
            "seconds": 6.4,
        },
        "Taxi-v4": {
            "episode_return": 8.0,
            "least": 7.0,
            "seeds": 3,
            "episodes": 100,
            "env_steps": 12_345,
            "seconds": 6.4,
        },
    }


def test_line_of_what_is_there_so_far():
    found = results_of("Taxi-v4", [1.0, 2.5])
    assert result_tables.line(found) == (
        "Taxi-v4: 1 2.5; env steps 12,345, seconds 6"
    )
