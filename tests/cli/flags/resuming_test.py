"""`keras-cem train --resume`."""

import json
import os
import shutil
import signal

import keras
import pytest
from absl import flags

from keras_cem.cli.console import CommandError
from keras_cem.cli.flags import resuming, train_flags
from keras_cem.cli.main import main
from tests import processes
from tests.cli import small_run
from tests.helpers import assert_equal, learned_state

pytestmark = pytest.mark.slow

EPOCHS = 4
SMALL = [
    *small_run.SMALL,
    "--elite_quantile=0.9",
    "--gradient_steps=20",
    "--normalize_observations",
    "--stop_at=1000",
    "--checkpoint_every=1",
    "--noplot",
]


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A run that is not interrupted. Its seed is drawn."""
    folder = tmp_path_factory.mktemp("runs") / "whole"
    arguments = ["train", *SMALL, f"--epochs={EPOCHS}", f"--output={folder}"]
    assert main(arguments) == 0
    return folder


def _killed_after(epochs, whole, folder):
    """What is there after a kill between a row and its checkpoint."""
    shutil.copytree(whole, folder)
    for path in (folder / "checkpoints").iterdir():
        if int(path.name.removeprefix("epoch-")) > epochs:
            shutil.rmtree(path)
    for left in ("last.keras", "results.json"):
        (folder / left).unlink()
    shutil.rmtree(folder / "policy")
    rows = (folder / "history.csv").read_bytes().splitlines(keepends=True)
    # The header, the epochs, one more, and half of another.
    kept = b"".join(rows[: epochs + 2]) + rows[-1][:9]
    (folder / "history.csv").write_bytes(kept)


def _agents(folder):
    for name in ("agent.keras", "last.keras"):
        agent = keras.saving.load_model(folder / name)
        yield [*learned_state(agent), agent.iteration.numpy()]


def test_resumed_run_equals_one_that_was_not_interrupted(whole, tmp_path):
    folder = tmp_path / "run"
    _killed_after(2, whole, folder)
    assert main(["train", "--resume", f"--output={folder}"]) == 0
    for got, expected in zip(_agents(folder), _agents(whole), strict=True):
        assert_equal(got, expected)
    history = [path / "history.csv" for path in (folder, whole)]
    assert history[0].read_bytes() == history[1].read_bytes()
    assert history[0].read_text().count("\n") == EPOCHS + 1
    results, expected = (
        json.loads((path / "results.json").read_text())
        for path in (folder, whole)
    )
    # All the time there was before, and some more.
    state = whole / "checkpoints" / "epoch-000002" / "state.json"
    clock = json.loads(state.read_text())["callbacks"][-1]
    assert clock["class"].endswith("ProgressLine")
    assert results.pop("wall_seconds") > clock["state"]["seconds"] > 0
    del expected["wall_seconds"]
    assert results == expected
    assert sorted(path.name for path in folder.iterdir()) == sorted(
        path.name for path in whole.iterdir()
    )


def test_signal_ends_a_run_with_a_way_to_go_on(tmp_path):
    folder = tmp_path / "a run"
    command = ["-m", "keras_cem.cli.main", "train", *SMALL]
    arguments = ["--epochs=100000", f"--output={folder}"]
    with processes.started(
        *command, "--checkpoint_every=100000", *arguments
    ) as process:
        for line in process.stdout:
            if line.startswith("epoch    2/"):
                break
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=processes.PATIENCE)
    assert process.returncode == 128 + signal.SIGTERM
    assert "SIGTERM: finishing the epoch and writing a checkpoint." in errors
    assert f"keras-cem train --resume --output='{folder}'" in errors
    assert "Traceback" not in errors
    (left,) = os.listdir(folder / "checkpoints")
    epochs = int(left.removeprefix("epoch-"))
    assert epochs >= 2
    config = (folder / "config.json").read_text()
    less = f"--epochs={epochs - 1}"
    assert main(["train", "--resume", f"--output={folder}", less]) == 2
    assert (folder / "config.json").read_text() == config
    more = f"--epochs={epochs + 2}"
    assert main(["train", "--resume", f"--output={folder}", more]) == 0
    rows = (folder / "history.csv").read_text().splitlines()[1:]
    numbers = [int(row.split(",")[0]) for row in rows]
    assert numbers == list(range(epochs + 2))
    config = json.loads((folder / "config.json").read_text())
    assert config["flags"]["epochs"] == epochs + 2


# Settings


def _parsed(*arguments):
    values = flags.FlagValues()
    train_flags.define_flags(values)
    values(["train", "--output=x", "--resume", *arguments])
    return values


def _config(**changed):
    values = _parsed("--env=CartPole-v1", "--hidden_units=8,4", "--epochs=20")
    kept = {
        name: values[name].value
        for name in values
        if name not in resuming.NOT_KEPT
    }
    config = {"flags": kept, "seed": 12, "epsilon_steps": 20, **changed}
    return json.loads(json.dumps(config))


def test_settings_are_those_of_the_run():
    values = _parsed("--epochs=30", "--batch_size=16", "--seed=12")
    resuming.take_settings(values, _config())
    assert values.env == "CartPole-v1"
    assert values.hidden_units == ["8", "4"]
    assert values.epochs == 30
    assert values.seed == 12
    # Not 30: epsilon falls as it did.
    assert values.epsilon_steps == 20
    assert values.stop_at is None


@pytest.mark.parametrize(
    ("flag", "message"),
    [
        ("--batch_size=32", "--batch_size=32, not 16"),
        ("--env=Acrobot-v1", "--env=Acrobot-v1, not CartPole-v1"),
        ("--seed=13", "--seed=13, not 12"),
        ("--hidden_units=8", "--hidden_units=['8'], not ['8', '4']"),
        ("--epsilon_steps=30", "--epsilon_steps=30, not 20"),
    ],
)
def test_flags_that_contradict_the_run_are_refused(flag, message):
    with pytest.raises(
        CommandError, match="may differ from the settings"
    ) as error:
        resuming.take_settings(_parsed(flag), _config())
    assert message in str(error.value)
    assert "With --resume, only --epochs, --episodes" in str(error.value)


def test_overwrite_is_refused_beside_resume():
    with pytest.raises(
        CommandError,
        match="--overwrite and --resume must not be given together",
    ):
        resuming.take_settings(_parsed("--overwrite"), _config())


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({}, "without 'flags'"),
        ({"flags": [], "seed": 1, "epsilon_steps": 2}, "without"),
        (_config(flags={"batch_size": 1}), "batch_size=1"),
        (_config(flags={"engine": "steam"}), "engine=steam"),
        (_config(flags={"env": 3}), "env=3"),
        (_config(flags={"network": None}), "network=None"),
        (_config(flags={"later": 3, "newer": 4}), "Received: later, newer"),
    ],
    ids=[
        "nothing",
        "no flags",
        "out of range",
        "no choice",
        "of another type",
        "nothing where something must be",
        "of a later version",
    ],
)
def test_settings_that_cannot_be_are_refused(config, message):
    with pytest.raises(CommandError, match=r"config\.json") as error:
        resuming.take_settings(_parsed(), config)
    assert message in str(error.value)


def test_folder_that_is_no_run_is_refused(tmp_path, capsys):
    assert main(["train", "--resume", f"--output={tmp_path}"]) == 2
    assert str(tmp_path) in capsys.readouterr().err


def test_run_killed_before_its_first_checkpoint_starts_anew(whole, tmp_path):
    folder = tmp_path / "run"
    folder.mkdir()
    config = json.loads((whole / "config.json").read_text())
    config["flags"] |= {"epochs": 1}
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "history.csv").write_text("epoch,half a hea")
    assert main(["train", "--resume", f"--output={folder}"]) == 0
    rows = (whole / "history.csv").read_text().splitlines()
    assert (folder / "history.csv").read_text().splitlines() == rows[:2]
