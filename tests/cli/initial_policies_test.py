import csv

import keras
import pytest

from keras_cem.cli.main import main
from keras_cem.cli.run_folder import RunFolder
from tests.cli.small_run import SMALL
from tests.helpers import assert_equal, differ

GIVEN = (
    *SMALL,
    "--max_episode_steps=100",
    "--nopreset",
    "--noreport",
    "--noplot",
    "--seed=3",
)


def train(folder, *given):
    assert main(["train", *GIVEN, f"--output={folder}", *given]) == 0
    return RunFolder(folder)


def column(run, name):
    with run.history.open() as file:
        return [float(row[name]) for row in csv.DictReader(file)]


def weights(run):
    return keras.saving.load_model(run.last).policy.get_weights()


def test_several_policies_begin_and_one_goes_on(tmp_path):
    given = ["--initial_policies=3", "--epochs_per_initial_policy=2"]
    run = train(tmp_path / "run", *given, "--epochs=7")
    # Two epochs of one iteration for each, from the first one on.
    epsilon = column(run, "epsilon")
    assert epsilon == pytest.approx([1, 1 / 2] * 3 + [1 / 3])
    returns = column(run, "episode_return")
    assert len({tuple(returns[first : first + 2]) for first in (0, 2, 4)}) == 3
    # Going on is as if all had been played at once.
    parts = train(tmp_path / "parts", *given, "--epochs=9")
    command = ["train", "--resume", f"--output={run.path}", "--epochs=9"]
    assert main(command) == 0
    assert_equal(weights(run), weights(parts))
    assert column(run, "env_steps") == column(parts, "env_steps")


def test_the_others_depend_on_the_seed(tmp_path):
    given = ["--initial_policies=2", "--epochs=3"]
    first = train(tmp_path / "first", *given)
    again = train(tmp_path / "again", *given)
    other = train(tmp_path / "other", *given, "--seed=4")
    assert_equal(weights(first), weights(again))
    assert differ(weights(first), weights(other))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            ["--initial_policies=4", "--epochs=6"],
            "--epochs must be more than 6, after which one of the initial "
            "policies is left. Received: --epochs=6, --initial_policies=4, "
            "--epochs_per_initial_policy=1",
        ),
        (
            ["--epochs_per_initial_policy=2"],
            "needs --initial_policies of 2 or more. Received: "
            "--epochs_per_initial_policy=2, --initial_policies=1",
        ),
        # At once, before they are made.
        (["--initial_policies=1000000000"], "--initial_policies=1000000000"),
        (["--initial_policies=0"], "--initial_policies=0"),
    ],
)
def test_what_cannot_be_is_refused(tmp_path, capsys, given, message):
    folder = tmp_path / "run"
    assert main(["train", *GIVEN, f"--output={folder}", *given]) == 2
    assert message in capsys.readouterr().err
    assert not folder.exists()
