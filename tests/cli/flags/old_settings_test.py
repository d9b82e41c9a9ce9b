"""Presets and runs of version 0.1, which had other flags."""

import inspect
import json
import pathlib
import shutil

import keras
import pytest
from absl import flags

import keras_cem as cem
from keras_cem.cli.console import CommandError
from keras_cem.cli.flags import old_settings, preset, resuming, train_flags
from keras_cem.cli.flags.json_flags import KEYS
from keras_cem.cli.flags.old_settings import FOLDED, TAKEN_OUT
from keras_cem.cli.main import main
from keras_cem.cli.run import config as run_config
from tests.cli.parsing import parsed

GOLDEN = pathlib.Path(__file__).parents[2] / "golden" / "0.1.0" / "run"
# Another value than the default, for each.
VALUES = {
    "action_scale": 2.0,
    "batch_normalization": True,
    "correlation": 0.5,
    "dropout": 0.1,
    "elite_memory": 3,
    "elite_memory_age": 3,
    "embedding": 4,
    "entropy_coefficient": 0.01,
    "episodes_per_policy": 2,
    "episodes_per_start": 2,
    "image": True,
    "imitate": "drawn",
    "jit_compile": True,
    "kernel_initializer": "zeros",
    "l1": 0.1,
    "l2": 0.1,
    "loss": "huber",
    "loss_normalization": "length",
    "max_env_restarts": 0,
    "noise": "uniform",
    "on_nonfinite": "skip",
    "persistence": 100,
    "step_timeout": 9.0,
    "ties": "strict",
}
ASKED = {
    "confirm_best": True,
    "discount_steps": 5,
    "elite_quantile_steps": 5,
    "ema_momentum": 0.9,
    "epochs_per_initial_policy": 2,
    "initial_policies": 8,
    "last_elite_quantile": 0.5,
    "last_min_reward": -9.0,
    "max_reward": 1.0,
    "min_reward": -1.0,
    "min_reward_doubling_steps": 5,
    "segment_doubling_steps": 5,
    "segment_steps": 300,
}


@pytest.mark.parametrize("name", FOLDED)
def test_defaults_are_those_of_the_arguments(name):
    flag, default = FOLDED[name]
    functions = {
        "network": cem.networks.default_policy,
        "agent_kwargs": cem.CEMAgent,
        "fit_kwargs": cem.CEMAgent.fit,
    }
    if name != "jit_compile":  # Its flag took no "auto".
        assert KEYS[flag][name] == default
    if name not in ("jit_compile", "loss"):  # Of `compile`.
        parameters = inspect.signature(functions[flag]).parameters
        assert parameters[name].default == default
    assert name not in parsed()


@pytest.mark.parametrize("name", FOLDED)
def test_a_setting_that_was_a_flag_becomes_a_key(name):
    flag, default = FOLDED[name]
    before = {"epochs": 3, name: VALUES[name]}
    assert old_settings.translated(before) == {
        "epochs": 3,
        flag: {name: VALUES[name]},
    }
    assert before == {"epochs": 3, name: VALUES[name]}
    assert old_settings.translated({name: default}) == {}


def test_settings_of_today_stay():
    today = {"network": {"l1": 0.1}, "agent_kwargs": {}, "epochs": 3}
    assert old_settings.translated(today) == today
    # What had no effect on training goes, whatever it was.
    assert old_settings.translated({**today, "report": False}) == today
    both = old_settings.translated({**today, "dropout": 0.5})
    assert both == {**today, "network": {"l1": 0.1, "dropout": 0.5}}
    assert today["network"] == {"l1": 0.1}


def test_a_switch_becomes_a_value_of_another_flag():
    on = old_settings.translated({"tensorboard": True, "epochs": 3})
    assert on == {"track": ["tensorboard"], "epochs": 3}
    off = old_settings.translated({"tensorboard": False, "epochs": 3})
    assert off == {"epochs": 3}
    with pytest.raises(ValueError, match="`tensorboard` must be given as a v"):
        old_settings.translated({"tensorboard": True, "track": ["wandb"]})


def test_a_setting_under_both_names_is_refused():
    with pytest.raises(
        ValueError, match="`l1` must be given as a key of `network`"
    ):
        old_settings.translated({"network": {"l1": 0.1}, "l1": 0.2})


@pytest.mark.parametrize("name", TAKEN_OUT)
def test_what_was_taken_out_is_refused_unless_it_asked_for_nothing(name):
    kept = old_settings.translated({name: TAKEN_OUT[name], "epochs": 3})
    assert kept == {"epochs": 3}
    asked = old_settings.translated({name: ASKED[name]})
    with pytest.raises(ValueError, match=f"`{name}` was removed") as error:
        old_settings.refuse_taken_out(asked, "old.json")
    assert f"{name}={ASKED[name]!r} in old.json" in str(error.value)


def _preset(tmp_path, **settings):
    path = tmp_path / "old.json"
    path.write_text(json.dumps(settings))
    return path


def test_a_preset_of_before_is_taken(tmp_path):
    old = _preset(
        tmp_path,
        batch_size=50,
        kernel_initializer="zeros",
        persistence=100,
        imitate="drawn",
        elite_memory_age=10,
        initial_policies=1,
    )
    values = parsed(f"--preset={old}", '--agent_kwargs={"persistence": 20}')
    preset.take_settings(values)
    assert values.batch_size == 50
    assert values.network == {"kernel_initializer": "zeros"}
    # What was given prevails, key by key.
    assert values.agent_kwargs == {
        "persistence": 20,
        "imitate": "drawn",
        "elite_memory_age": 10,
    }


def test_a_preset_with_what_was_taken_out_is_refused(tmp_path, capsys):
    old = _preset(tmp_path, batch_size=50, segment_steps=300)
    train = ["train", "--env=CartPole-v1", f"--output={tmp_path / 'run'}"]
    assert main([*train, f"--preset={old}"]) == 2
    error = capsys.readouterr().err
    assert "`segment_steps` was removed from keras_cem" in error
    assert str(old) in error
    assert not (tmp_path / "run").exists()


def test_a_run_of_before_is_read_under_the_names_of_today():
    content = json.loads((GOLDEN / "config.json").read_text())
    content["flags"] |= {"dropout": 0.1, "persistence": 5}
    found = run_config.parse(json.dumps(content).encode())["flags"]
    assert found["network"] == {"dropout": 0.1}
    assert found["agent_kwargs"] == {"elite_memory": 2, "persistence": 5}
    assert not FOLDED.keys() & found.keys()


@pytest.mark.slow
def test_a_run_of_before_goes_on_with_its_settings(tmp_path):
    """The run itself has none that differ: its network has no dropout."""
    run = tmp_path / "run"
    shutil.copytree(GOLDEN, run)
    shutil.rmtree(run / "checkpoints")
    config = json.loads((run / "config.json").read_text())
    config["flags"] |= {"persistence": 5, "l2": 0.5, "initial_policies": 1}
    config["flags"] |= {"tensorboard": True}
    (run / "config.json").write_text(json.dumps(config))
    assert main(["train", "--resume", f"--output={run}"]) == 0
    agent = keras.saving.load_model(run / "last.keras")
    assert agent.get_config()["persistence"] == 5
    (dense,) = [
        layer
        for layer in agent.policy.policy.layers
        if getattr(layer, "kernel_regularizer", None) and layer.units == 4
    ]
    assert dense.kernel_regularizer.l2 == 0.5
    kept = json.loads((run / "config.json").read_text())["flags"]
    assert kept["network"] == {"l2": 0.5}
    assert kept["track"] == ["tensorboard"]
    assert (run / "tensorboard" / "env_steps").is_dir()
    assert kept["agent_kwargs"] == {"elite_memory": 2, "persistence": 5}


def test_a_run_with_what_was_taken_out_does_not_go_on(tmp_path, capsys):
    run = tmp_path / "run"
    shutil.copytree(GOLDEN, run)
    config = json.loads((run / "config.json").read_text())
    config["flags"] |= {"initial_policies": 8}
    (run / "config.json").write_text(json.dumps(config))
    assert main(["train", "--resume", f"--output={run}"]) == 2
    error = capsys.readouterr().err
    assert "`initial_policies` was removed from keras_cem" in error
    assert "initial_policies=8 in config.json" in error
    # It can be looked at all the same.
    assert main(["report", f"--run={run}"]) == 0


def test_contradictions_with_a_run_of_before_are_refused():
    content = json.loads((GOLDEN / "config.json").read_text())
    content["flags"] |= {"dropout": 0.1}
    config = run_config.parse(json.dumps(content).encode())
    values = flags.FlagValues()
    train_flags.define_flags(values)
    values(["train", "--output=x", "--resume", '--network={"dropout": 0.2}'])
    with pytest.raises(
        CommandError, match="may differ from the settings of the run"
    ) as error:
        resuming.take_settings(values, config)
    assert "--network={'dropout': 0.2}, not {'dropout': 0.1}" in (
        str(error.value)
    )


@pytest.mark.parametrize(
    ("flag", "message"),
    [
        ("--dropout=0.1", "Use --network='{\"dropout\": ...}' instead."),
        ("--nobatch_normalization", "--batch_normalization is no longer a"),
        ("--persistence=3", "--agent_kwargs='{\"persistence\": ...}' instead."),
        ("--loss=huber", "Use --fit_kwargs='{\"loss\": ...}' instead."),
        ("--tensorboard", "Use --track=tensorboard instead."),
        ("--segment_steps=3", "--segment_steps was removed from keras_cem."),
        (
            "--noreport",
            "--report was removed from keras_cem. Leave it out: rep",
        ),
        ("--confirm_best", "--confirm_best was removed from keras_cem."),
        ("--wobbly=3", "there is no flag --wobbly"),
    ],
)
def test_flags_of_before_name_what_stands_for_them(flag, message, capsys):
    train = ["train", "--env=CartPole-v1", "--output=never"]
    assert main([*train, flag]) == 2
    assert message in capsys.readouterr().err
