"""`keras-cem train` with settings of a preset."""

import json
import re

import keras
import pytest
from absl import flags

from keras_cem.cli import presets
from keras_cem.cli.console import CommandError
from keras_cem.cli.flags import preset, train_flags
from keras_cem.cli.main import main

# Lets a run be over soon, whatever the preset says.
SHORT = [
    "--epochs=1",
    "--batch_size=4",
    "--max_episode_steps=10",
    "--validation_episodes=2",
    "--episodes=2",
    "--engine=host",
    '--fit_kwargs={"jit_compile": false}',
    "--noplot",
]


def _taken(*arguments):
    """Flags of `train` with what they take from the preset."""
    values = flags.FlagValues()
    train_flags.define_flags(values)
    values(["train", "--output=x", *arguments])
    preset.take_settings(values)
    return values


@pytest.fixture
def own(monkeypatch):
    """What stands in for the settings that CartPole-v1 has."""
    settings = {"batch_size": 100, "epochs": 60, "stop_at": 499.0}
    monkeypatch.setattr(presets, "load", {"CartPole-v1": settings}.get)
    return settings


@pytest.fixture
def tuned(tmp_path):
    """A file of settings, of every type."""
    path = tmp_path / "tuned.json"
    settings = {
        "batch_size": 32,
        "learning_rate": 0.5,
        "epsilon_schedule": "linear",
        "agent_kwargs": {"noise": "uniform"},
        "hidden_units": [64, 32],
        "network": {"batch_normalization": True},
        "plot": False,
    }
    path.write_text(json.dumps(settings))
    return path


@pytest.mark.parametrize("flag", [[], ["--preset"]], ids=["unasked", "asked"])
def test_an_environment_takes_its_own_preset(flag, own, capsys):
    values = _taken("--env=CartPole-v1", *flag)
    for name in set(values) - {"env", "output", "preset"}:
        assert values[name].value == own.get(name, values[name].default)
    assert capsys.readouterr().out == (
        "Settings from the preset for CartPole-v1: "
        "batch_size=100, epochs=60, stop_at=499.0\n"
    )


@pytest.mark.usefixtures("own")
def test_flags_that_are_given_prevail(capsys, tmp_path):
    file = tmp_path / "flags"
    file.write_text("--stop_at=3\n")
    values = _taken(
        "--env=CartPole-v1", "--batch_size=16", f"--flagfile={file}"
    )
    # The first is the flag's default, and given all the same.
    assert (values.batch_size, values.stop_at) == (16, 3.0)
    assert values.epochs == 60
    assert capsys.readouterr().out.endswith("CartPole-v1: epochs=60\n")


@pytest.mark.parametrize(
    ("env", "kind"),
    [("Blackjack-v1", "Discrete"), ("HumanoidStandup-v5", "Box")],
)
def test_an_environment_without_a_preset_takes_that_of_its_actions(
    env, kind, capsys
):
    values = _taken(f"--env={env}", "--learning_rate=0.5")
    settings = presets.load(kind)
    assert values.elite_unit == settings["elite_unit"] == "step"
    assert values.agent_kwargs.get("imitate") == (
        "drawn" if kind == "Box" else None
    )
    # Blackjack observes numbers of cards: there is nothing to normalize.
    assert values.normalize_observations == (kind == "Box")
    assert values.learning_rate == 0.5
    printed = capsys.readouterr().out
    assert printed.startswith(f"Settings from the preset for {kind} actions: ")


@pytest.mark.parametrize(
    "arguments",
    [["--env=CartPole-v1", "--nopreset"], ["--env=Nowhere-v0"]],
    ids=["not wanted", "unknown"],
)
def test_without_a_preset_flags_are_as_by_default(arguments, capsys):
    values = _taken(*arguments)
    for name in set(values) - {"env", "output", "preset"}:
        assert values[name].value == values[name].default
    assert capsys.readouterr().out == ""


@pytest.mark.usefixtures("own")
def test_preset_of_another_environment_is_taken_by_its_id():
    values = _taken("--env=CartPole-v0", "--preset=CartPole-v1")
    assert (values.env, values.batch_size) == ("CartPole-v0", 100)


def test_settings_of_a_file_are_taken(tuned, capsys):
    values = _taken("--env=CartPole-v1", f"--preset={tuned}")
    assert (values.batch_size, values.learning_rate) == (32, 0.5)
    assert values.hidden_units == ["64", "32"]
    assert values.epsilon_schedule == "linear"
    assert values.agent_kwargs == {"noise": "uniform"}
    assert values.network == {"batch_normalization": True}
    assert values.plot is False
    # Not of the environment's own preset.
    assert values.stop_at is None
    printed = capsys.readouterr().out
    assert "hidden_units=64,32, network={" in printed
    assert '{"batch_normalization": true}, plot=false' in printed


def test_preset_that_is_not_there_is_refused():
    message = "one of Acrobot-v1, .*, Discrete. Received: --preset=wobbly"
    with pytest.raises(CommandError, match=message):
        _taken("--env=Blackjack-v1", "--preset=wobbly")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"batch_sise": 3}, "must be flags of .* Received: batch_sise=3"),
        ({"output": "x"}, "other than env, output, .* Received: output='x'"),
        ({"batch_size": 1}, "of their flags. Received: flag --batch_size=1:"),
        ({"epochs": 2.5}, "Received: flag --epochs=2.5"),
        ({"engine": True}, "Received: flag --engine=true"),
        ({"stop_at": float("nan")}, "Received: flag --stop_at=nan: must be fi"),
        (
            {"network": {"units": 3}},
            "flag --network=.*: Each key must be one of",
        ),
        ({"network": [3]}, "flag --network=.*: must be a JSON object"),
    ],
)
def test_settings_that_cannot_be_are_refused(settings, message, tuned):
    tuned.write_text(json.dumps(settings))
    with pytest.raises(CommandError, match=message) as error:
        _taken("--env=CartPole-v1", f"--preset={tuned}")
    assert str(tuned) in str(error.value)


def test_bad_presets_are_refused_before_a_folder_is_made(tmp_path, capsys):
    train = ["train", "--env=CartPole-v1", f"--output={tmp_path / 'run'}"]
    for flag, message in {
        f"--preset={tmp_path / 'none.json'}": "must be a readable file",
        "--preset=": "must be the id of an environment, or a JSON file",
        "--nopreset=1": "does not take an argument",
    }.items():
        assert main([*train, flag]) == 2
        assert message in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
def test_run_folder_keeps_what_was_taken_and_resume_takes_it(tuned, tmp_path):
    folder = tmp_path / "run"
    given = [f"--preset={tuned}", "--hidden_units=4", f"--output={folder}"]
    train = ["train", "--env=Pendulum-v1", *SHORT, "--seed=1"]
    assert main([*train, *given]) == 0
    config = json.loads((folder / "config.json").read_text())["flags"]
    assert config["agent_kwargs"] == {"noise": "uniform"}
    assert config["learning_rate"] == 0.5
    assert (config["batch_size"], config["hidden_units"]) == (4, ["4"])
    assert config["preset"] == str(tuned)
    # The settings are those of the run, not of the file.
    tuned.write_text("{}")
    assert main(["train", "--resume", f"--output={folder}", "--epochs=2"]) == 0
    again = json.loads((folder / "config.json").read_text())["flags"]
    assert again == {**config, "epochs": 2, "epsilon_steps": 1}
    agent = keras.saving.load_model(folder / "last.keras")
    assert (int(agent.iteration), agent.head.noise) == (2, "uniform")


def test_help_says_how_to_do_without(capsys):
    assert main(["train", "--help"]) == 0
    printed = capsys.readouterr().out
    assert re.search(r"--\[no\]preset: .*", printed)
