"""The made-up history, and that it can be drawn."""

import json

from benchmarks import pictures
from keras_cem.cli.run import results as run_results
from keras_cem.pictures.plots import history


def test_history_is_one_that_can_be_read(tmp_path):
    path = tmp_path / "history.csv"
    pictures.write_history(path, 1000)
    read = history.read(path)
    assert read.size == 2
    assert read.columns["epochs"].tolist() == [*range(2, 1001, 2)]
    assert read.columns["env_steps"][-1] == 1_000_000


def test_stages_are_as_a_run_keeps_them(tmp_path):
    made_up = pictures.stages(10_000)
    assert (made_up[0]["iteration"], made_up[-1]["iteration"]) == (1, 10_000)
    assert {len(stage["returns"]) for stage in made_up} == {256}
    path = tmp_path / "returns.json"
    path.write_text(json.dumps({"stages": made_up}))
    assert run_results.read_stages(path) == made_up


def test_every_picture_is_drawn(tmp_path):
    for draw in pictures.drawings(tmp_path, 20).values():
        draw()
    assert {path.name for path in tmp_path.glob("*.png")} == {
        "learning_curve.png",
        "returns.png",
        "comparison.png",
    }
