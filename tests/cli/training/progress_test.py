"""What `keras-cem train` shows."""

import json

import pytest

from keras_cem.cli.main import main
from tests.cli import small_run

pytestmark = pytest.mark.slow

SMALL = [
    *small_run.SMALL,
    "--validation_episodes=2",
    "--episodes=2",
    "--noplot",
]


@pytest.mark.parametrize("kind", ["bar", "none"])
def test_bar_or_nothing_is_seen_instead_of_lines(kind, tmp_path, capsys):
    folder = tmp_path / "run"
    flags = [*SMALL, f"--progress={kind}", f"--output={folder}"]
    assert main(["train", *flags]) == 0
    printed = capsys.readouterr().out
    assert "epoch    1/2" not in printed
    assert ("Epoch 2/2" in printed) == (kind == "bar")
    assert ("env_steps_per_second: " in printed) == (kind == "bar")
    assert "Greedy return over 2 episodes" in printed
    # The time is known in any case. Resumed, it shows the same.
    assert json.loads((folder / "results.json").read_text())["wall_seconds"] > 0
    config = json.loads((folder / "config.json").read_text())
    assert config["flags"]["progress"] == kind


def test_validation_follows_its_flags(tmp_path):
    """Every epoch with --validation_episodes, else in proportion."""
    flags = [*SMALL, "--epochs=5", "--progress=none"]
    for more, expected in (
        (["--validation_freq=3"], [True, False, True, False, True]),
        ([], [True] * 5),
    ):
        run = tmp_path / f"run{len(more)}"
        assert main(["train", *flags, *more, f"--output={run}"]) == 0
        rows = (run / "history.csv").read_text().splitlines()
        column = rows[0].split(",").index("val_episode_return")
        assert [r.split(",")[column] != "NA" for r in rows[1:]] == expected
