import json

import gymnasium
import pytest
from absl import flags

from keras_cem.callbacks import EpsilonDecay
from keras_cem.cli import presets
from keras_cem.cli.commands import train
from keras_cem.cli.flags import from_flags

ENVS = [
    "Acrobot-v1",
    "BipedalWalker-v3",
    "CartPole-v1",
    "CliffWalking-v1",
    "FrozenLake-v1",
    "FrozenLake8x8-v1",
    "HalfCheetah-v5",
    "InvertedDoublePendulum-v5",
    "InvertedPendulum-v5",
    "LunarLander-v3",
    "LunarLanderContinuous-v3",
    "MountainCar-v0",
    "MountainCarContinuous-v0",
    "Pendulum-v1",
    "Pusher-v5",
    "Reacher-v5",
    "Swimmer-v5",
    "Taxi-v4",
    "Walker2d-v5",
]


def test_there_are_settings_for_each_of_these():
    assert presets.names() == ENVS


@pytest.mark.parametrize("env", ENVS)
def test_settings_are_flags_of_train_with_other_values_than_the_default(env):
    values = flags.FlagValues()
    train.define_flags(values)
    settings = presets.load(env)
    defaults = {name: values[name].default for name in settings}
    given = [f"--env={env}", "--output=x", *presets.as_flags(settings)]
    assert values(["keras-cem train", *given]) == ["keras-cem train"]
    for name, value in settings.items():
        if isinstance(value, list):
            value = [str(item) for item in value]
        assert values[name].value == value
        assert value != defaults[name]
    assert not {"env", "output", "seed"} & set(settings)


# Box2D's and MuJoCo's modules are written by SWIG.
@pytest.mark.filterwarnings("ignore:builtin type:DeprecationWarning")
@pytest.mark.parametrize("env", ENVS)
def test_settings_agree_with_each_other(env, tmp_path, monkeypatch):
    """`train` makes its agent and callbacks from them."""
    # MuJoCo logs its warnings there.
    monkeypatch.chdir(tmp_path)
    values = flags.FlagValues()
    train.define_flags(values)
    given = [f"--env={env}", "--output=x", *presets.as_flags(presets.load(env))]
    values(["keras-cem train", *given])
    agent = from_flags.agent(values)
    assert (agent.critic is not None) == (values.elite_unit == "step")
    decay, *_ = from_flags.callbacks(values, None)
    assert isinstance(decay, EpsilonDecay)


@pytest.mark.parametrize("env", ENVS)
def test_the_id_is_one_of_gymnasiums(env):
    assert gymnasium.spec(env).id == env


def test_what_was_measured_is_of_environments_with_settings():
    measured = presets.measured()
    assert set(measured) <= set(ENVS)
    for reached in measured.values():
        assert reached.least <= reached.episode_return
        assert reached.seeds >= 1


def test_environment_without_settings_is_refused():
    with pytest.raises(ValueError, match="a preset: one of Acrobot") as e:
        presets.load("Blackjack-v1")
    assert "Received: env='Blackjack-v1'" in str(e.value)
    with pytest.raises(
        ValueError, match="`env` must be an environment with a preset"
    ):
        presets.load("../presets/CartPole-v1")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "preset must hold JSON. Received: '{'"),
        ("[1]", r"must hold a JSON object. Received: \[1\]"),
        (
            '{"--epochs": 3}',
            "names of flags, such as batch_size. Received: '--ep",
        ),
        ('{"epochs": null}', "Received: epochs=None"),
        ('{"hidden_units": [[1]]}', r"Received: hidden_units=\[\[1\]\]"),
    ],
)
def test_damaged_settings_are_refused(text, message):
    with pytest.raises(ValueError, match=message):
        presets.parse(text, "preset")


def test_settings_of_a_file_are_read(tmp_path):
    path = tmp_path / "preset.json"
    path.write_text('{"activation": "\u00e9"}', encoding="utf-8")
    assert presets.read(path) == {"activation": "\u00e9"}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\xff", "must hold JSON. Received: b'.xff'"),
        (b"[" * 100_000, "must hold JSON. Received: b'\\[\\["),
        (b" " * (2**20 + 1), "at most 1,048,576 bytes"),
    ],
    ids=["no text", "nested too deeply", "too large"],
)
def test_files_that_hold_no_settings_are_refused(content, message, tmp_path):
    path = tmp_path / "preset.json"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=message) as error:
        presets.read(path)
    assert str(path) in str(error.value)


def test_file_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(ValueError, match="must be a readable file"):
        presets.read(tmp_path / "none.json")


def test_flags_are_written_as_the_command_line_takes_them():
    settings = {
        "epochs": 3,
        "learning_rate": 0.5,
        "optimizer": "sgd",
        "hidden_units": [64, 32],
        "datasets": [],
        "network": {"dropout": 0.1},
        "normalize_observations": True,
        "plot": False,
    }
    assert presets.parse(json.dumps(settings), "preset") == settings
    assert presets.as_flags(settings) == [
        "--epochs=3",
        "--learning_rate=0.5",
        "--optimizer=sgd",
        "--hidden_units=64,32",
        "--datasets=",
        '--network={"dropout": 0.1}',
        "--normalize_observations",
        "--noplot",
    ]
