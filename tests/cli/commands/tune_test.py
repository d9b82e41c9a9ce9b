"""`keras-cem tune`."""

import csv
import json
import signal
import sys

import pytest

from keras_cem.cli import presets
from keras_cem.cli.main import main
from keras_cem.cli.tuning import trial
from tests import processes

pytestmark = pytest.mark.slow

SEARCH = [
    "--env=CartPole-v1",
    "--search=gradient_steps,hidden_units",
    "--startup_trials=2",
]


@pytest.fixture
def played(monkeypatch):
    """Trials that take no time; returns what was played, newest last.

    An exception or signal that is put into `raises` is raised by the next one.
    """
    calls, raises = [], []

    def play(values, trainings, report):
        calls.append((values.gradient_steps, values.hidden_units, trainings))
        if raises:
            error = raises.pop()
            if isinstance(error, Exception):
                raise error
            signal.raise_signal(error)
        value = float(values.gradient_steps)
        for stage in range(trial.STAGES_PER_TRAINING):
            report(stage + 1, value)
        return trial.Outcome(value, 1000.0)

    monkeypatch.setattr(trial, "play", play)
    return calls, raises


def _tune(folder, *arguments):
    return main(["tune", *SEARCH, f"--output={folder}", *arguments])


def _rows(folder):
    with open(folder / "trials.csv", newline="") as file:
        return list(csv.DictReader(file))


def test_environment_of_a_module_is_searched(
    played, tmp_path, capsys, monkeypatch
):
    (tmp_path / "tuned_env.py").write_text(
        "import gymnasium\n"
        "from gymnasium.envs.classic_control import CartPoleEnv\n"
        "gymnasium.register('Tuned-v0', CartPoleEnv, max_episode_steps=5)\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    folder = tmp_path / "tune"
    flags = ["--env=tuned_env:Tuned-v0", "--trials=2"]
    for trials in (2, 3):
        flags[-1] = f"--trials={trials}"
        assert _tune(folder, *flags) == 0
    assert len(_rows(folder)) == 3
    assert "--env=tuned_env:Tuned-v0" in capsys.readouterr().out
    preset = json.loads((folder / "preset.json").read_text())
    assert "env" not in preset
    assert _tune(folder, "--env=tuned_env:Other-v0") == 2


def test_best_settings_become_a_preset(played, tmp_path, capsys):
    calls, _ = played
    folder = tmp_path / "tune"
    flags = ["--trials=5", "--batch_size=32", "--elite_quantile=0.9"]
    assert _tune(folder, *flags, "--nopreset", "--trainings=2") == 0
    assert {path.name for path in folder.iterdir()} == {
        "preset.json",
        "trials.csv",
        "trials.log",
    }
    # Where the flags are.
    assert calls[0] == (10, ["128"], 2)
    rows = _rows(folder)
    assert [row["trial"] for row in rows] == ["1", "2", "3", "4", "5"]
    assert [int(row["gradient_steps"]) for row in rows] == [c[0] for c in calls]
    whole = [row for row in rows if row["env_steps"]]
    assert [float(row["episode_return"]) for row in rows] == [
        float(row["gradient_steps"]) for row in rows
    ]
    best = max(whole, key=lambda row: float(row["episode_return"]))
    made = presets.read(folder / "preset.json")
    units = best["hidden_units"]
    expected = {
        "batch_size": 32,
        "elite_quantile": 0.9,
        "gradient_steps": int(best["gradient_steps"]),
        "hidden_units": [int(unit) for unit in units.split(",") if unit],
        "validation_episodes": 100,
    }
    defaults = {"gradient_steps": 10, "hidden_units": [128]}
    assert made == {
        name: value
        for name, value in expected.items()
        if defaults.get(name) != value
    }
    printed = capsys.readouterr().out
    assert "Searching hidden_units, gradient_steps." in printed
    assert printed.count("\ntrial ") == 5
    assert f"--preset={folder / 'preset.json'}" in printed


def test_the_preset_of_the_environment_is_where_it_starts(
    played, tmp_path, monkeypatch
):
    calls, _ = played
    monkeypatch.setattr(
        presets, "load", lambda env: {"gradient_steps": 20, "epochs": 7}
    )
    assert _tune(tmp_path, "--trials=1") == 0
    assert calls == [(20, ["128"], 1)]
    made = presets.read(tmp_path / "preset.json")
    assert made == {
        "gradient_steps": 20,
        "epochs": 7,
        "validation_episodes": 100,
    }


def test_a_second_call_goes_on_to_more_trials(played, tmp_path, capsys):
    calls, raises = played
    assert _tune(tmp_path / "whole", "--trials=5") == 0
    whole = list(calls)
    assert _tune(tmp_path / "tune", "--trials=2") == 0
    # Interrupted in the third, which is run again.
    raises.append(signal.SIGINT)
    capsys.readouterr()
    with processes.signals_raise():
        assert _tune(tmp_path / "tune", "--trials=5") == 130
    errors = capsys.readouterr().err
    assert "interrupted; 2 trials are kept." in errors
    assert len(_rows(tmp_path / "tune")) == 2
    assert (tmp_path / "tune" / "preset.json").is_file()
    assert _tune(tmp_path / "tune", "--trials=5") == 0
    assert calls[5:] == [*whole[:3], *whole[2:]]
    for name in ("trials.csv", "preset.json"):
        ours, theirs = tmp_path / "tune" / name, tmp_path / "whole" / name
        assert ours.read_text() == theirs.read_text()
    # All of them are there.
    assert _tune(tmp_path / "tune", "--trials=4") == 0
    assert len(calls) == 11


def test_a_trial_that_fails_is_told_and_left_behind(played, tmp_path, capsys):
    _, raises = played
    raises.append(RuntimeError("The loss is not finite."))
    assert _tune(tmp_path, "--trials=1") == 1
    captured = capsys.readouterr()
    assert "failed: The loss is not finite." in captured.out
    assert "no trial finished" in captured.err
    assert not (tmp_path / "preset.json").exists()
    assert _rows(tmp_path)[0]["failure"] == "The loss is not finite."
    assert _tune(tmp_path, "--trials=2") == 0
    assert (tmp_path / "preset.json").is_file()


def test_another_search_in_the_same_folder_is_refused(played, tmp_path, capsys):
    assert _tune(tmp_path, "--trials=1") == 0
    assert _tune(tmp_path, "--trials=2", "--discount=0.9") == 2
    assert "discount: 0.9, not None" in capsys.readouterr().err
    assert len(played[0]) == 1


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--search=epochs"], "Received: --search=epochs"),
        (["--gradient_steps=3"], "Received: --search=gradient_steps"),
        (["--epochs=3", "--train_episodes=9"], "--train_episodes=9"),
        (["--batch_size=1"], "batch_size=1"),
        (["--hidden_units=x"], "--hidden_units=x"),
        (["--elite_quantile=1"], "elite_quantile=1"),
        (["--trials=0"], "trials=0"),
        (["--preset=wobbly"], "--preset=wobbly"),
        (["--env=CartPole-v0.5"], "CartPole-v0.5"),
    ],
)
def test_bad_flags_are_refused_before_a_folder_is_made(
    flags, message, played, tmp_path, capsys
):
    assert _tune(tmp_path / "tune", *flags) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "tune").exists()
    assert not played[0]


def test_a_folder_of_something_else_is_left_alone(played, tmp_path, capsys):
    (tmp_path / "preset.json").write_text("mine")
    assert _tune(tmp_path) == 2
    assert (
        "must be a new or empty folder, or a folder of"
        in capsys.readouterr().err
    )
    assert (tmp_path / "preset.json").read_text() == "mine"


def test_a_link_is_not_written_through(played, tmp_path, capsys):
    assert _tune(tmp_path, "--trials=1") == 0
    (tmp_path / "precious").write_text("mine")
    (tmp_path / "preset.json").unlink()
    (tmp_path / "preset.json").symlink_to(tmp_path / "precious")
    assert _tune(tmp_path, "--trials=2") == 2
    assert "must not be a symbolic link" in capsys.readouterr().err
    assert (tmp_path / "precious").read_text() == "mine"


def test_missing_package_is_named_first(monkeypatch, tmp_path, capsys):
    monkeypatch.setitem(sys.modules, "optuna", None)
    assert _tune(tmp_path / "tune") == 2
    errors = capsys.readouterr().err
    assert "`keras-cem tune` needs optuna." in errors
    assert "pip install 'keras-cem[tune]'" in errors
    assert not (tmp_path / "tune").exists()


def test_what_is_found_can_be_trained_with(tmp_path):
    tune, run = tmp_path / "tune", tmp_path / "run"
    small = [
        "--env=CartPole-v1",
        "--engine=host",
        '--fit_kwargs={"jit_compile": false}',
        "--max_episode_steps=10",
        "--validation_episodes=2",
        "--episodes=2",
    ]
    search = ["--search=learning_rate,elite_quantile", "--batch_size=4"]
    flags = ["--trials=2", "--epochs=2", "--stop_at=1000", *search]
    tuning = ["tune", *small, *flags, "--nopreset", f"--output={tune}"]
    assert main(tuning) == 0
    found = json.loads((tune / "preset.json").read_text())
    taken = [f"--preset={tune / 'preset.json'}", "--seed=0", "--noplot"]
    assert main(["train", *small, *taken, f"--output={run}"]) == 0
    config = json.loads((run / "config.json").read_text())["flags"]
    assert (config["batch_size"], config["epochs"]) == (4, 2)
    assert {name: config[name] for name in found} == found
