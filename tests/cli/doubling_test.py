import csv

import pytest

from keras_cem.cli.doubling import Doubling
from keras_cem.cli.main import main
from keras_cem.cli.run_folder import RunFolder
from tests.cli.small_run import SMALL


@pytest.mark.parametrize(
    ("iterations", "steps"), [(0, 3), (9, 3), (10, 6), (19, 6), (20, 12)]
)
def test_segments_double(iterations, steps):
    assert Doubling(3, 10, iterations)() == steps
    assert Doubling(3, None, iterations)() == 3


def test_segments_do_not_double_for_ever():
    assert Doubling(1, 1, 10**9)() == 2**30


@pytest.mark.parametrize(
    ("iterations", "reward"), [(0, -3), (10, -6), (20, -10), (10**9, -10)]
)
def test_what_doubles_stays_at_its_last(iterations, reward):
    assert Doubling(-3, 10, iterations, last=-10)() == reward


def lengths(folder):
    """The mean length of the segments of each epoch."""
    with RunFolder(folder).history.open() as file:
        rows = csv.DictReader(file)
        return [float(row["episode_length"]) for row in rows]


def test_training_plays_segments_twice_as_long_and_so_does_a_resumed_one(
    tmp_path,
):
    folder = tmp_path / "run"
    given = [
        *SMALL,
        "--nopreset",
        f"--output={folder}",
        "--noreport",
        "--max_episode_steps=100",
        "--segment_steps=2",
        "--segment_doubling_steps=2",
        "--epsilon_minimum=1",
    ]
    assert main(["train", *given, "--epochs=2", "--steps_per_epoch=1"]) == 0
    assert lengths(folder) == [2, 2]
    assert main(["train", "--resume", f"--output={folder}", "--epochs=3"]) == 0
    # Episodes are of 8 steps at least: their first segments are whole.
    assert lengths(folder) == [2, 2, 4]
