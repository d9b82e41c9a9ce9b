"""Environments with arguments and wrappers."""

import json
import pickle
import sys

import gymnasium
import pytest

from keras_cem.cli.console import CommandError
from keras_cem.cli.main import main
from keras_cem.cli.run import environment
from keras_cem.cli.run.environment import Wrapper
from tests.cli import small_run

LAKE = {"env": "FrozenLake-v1", "env_kwargs": {"is_slippery": False}}
CLIP = 'gymnasium.wrappers:ClipReward {"min_reward": -1, "max_reward": 0.5}'
ONE = "gymnasium.wrappers:TimeAwareObservation"


class Tenfold(gymnasium.RewardWrapper):
    """A wrapper of the user's."""

    def reward(self, reward):
        return 10.0 * reward


TENFOLD = f"{__name__}:Tenfold"


def test_id_alone_stays_an_id():
    assert environment.of({"env": "CartPole-v1"}) == "CartPole-v1"
    settings = {"env": "CartPole-v1", "env_kwargs": {}, "wrapper": None}
    assert environment.of(settings) == "CartPole-v1"
    assert environment.for_film("CartPole-v1") == "CartPole-v1"


def test_arguments_and_wrappers_are_applied():
    settings = {**LAKE, "wrapper": [TENFOLD], "train_wrapper": [CLIP]}
    made = environment.of(settings)
    copy = pickle.loads(pickle.dumps(made))  # noqa: S301
    with copy() as env:
        assert isinstance(env, Tenfold)
        assert env.spec.kwargs["is_slippery"] is False
    with environment.of(settings, training=True)() as env:
        assert isinstance(env, gymnasium.wrappers.ClipReward)
        assert isinstance(env.env, Tenfold)
    with environment.for_film(made)() as env:
        assert env.render_mode == "rgb_array"
    other = environment.of({**LAKE, "wrapper": [TENFOLD]}, "CartPole-v1")
    assert (other.id, other.kwargs) == ("CartPole-v1", {})


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        ("ClipReward", CommandError, "must be module:Class.*'ClipReward'"),
        (f"{ONE} {{x}}", CommandError, "must be module:Class"),
        (f"{ONE} [1]", CommandError, "must be module:Class"),
        ("no_such:Wrapper", ImportError, "no_such:Wrapper"),
        ("highway_env.no:X", ImportError, "pip install highway-env`"),
        ("json:loads", ValueError, "subclass of gymnasium.Wrapper.*json:loads"),
        (f'{ONE} {{"wobbly": 3}}', ValueError, "wobbly.* It raised TypeError"),
    ],
)
def test_wrappers_that_cannot_be_are_refused(text, error, message):
    with pytest.raises(error, match=message):
        environment.of({"env": "CartPole-v1", "wrapper": [text]})()


def test_missing_packages_are_named(tmp_path, capsys, monkeypatch):
    for module in ("ale_py", "minigrid"):
        monkeypatch.setitem(sys.modules, module, None)
    train = ["train", f"--output={tmp_path / 'run'}"]
    for env, package in (
        ("ALE/X-v5", "ale-py"),
        ("MiniGrid-X-v0", "minigrid"),
    ):
        assert main([*train, f"--env={env}"]) == 2
        assert f"`pip install {package}`" in capsys.readouterr().err


def test_run_folders_are_not_trusted():
    for harmless in ([], [CLIP, ONE]):
        environment.check_trust({**LAKE, "wrapper": harmless}, None, None)
    own = {**LAKE, "wrapper": [TENFOLD]}
    with pytest.raises(CommandError, match="--wrapper must be given") as error:
        environment.check_trust(own, None, None)
    assert f"give --wrapper='{TENFOLD}'" in str(error.value)
    environment.check_trust(own, None, [TENFOLD])
    writes = "gymnasium.wrappers:RecordVideo"
    assert not Wrapper.parse(writes).is_harmless
    path = {"env": "X-v0", "env_kwargs": {"xml_file": "/etc/passwd"}}
    with pytest.raises(CommandError, match="--env must be given"):
        environment.check_trust(path, None, None)
    environment.check_trust(path, "X-v0", None)


@pytest.mark.slow
def test_minigrid_is_played_once_installed(tmp_path, capsys):
    run = tmp_path / "run"
    flags = [
        *small_run.SMALL,
        "--env=MiniGrid-Empty-5x5-v0",
        "--wrapper=minigrid.wrappers:FlatObsWrapper",
        "--nopreset",
        "--noplot",
        '--fit_kwargs={"jit_compile": false}',
        "--epochs=1",
        f"--output={run}",
    ]
    # The environment ends episodes itself, which gymnasium does not know.
    without = [flag for flag in flags if "max_episode_steps" not in flag]
    assert main(["train", *without]) == 2
    error = capsys.readouterr().err
    assert "`max_episode_steps` must be given" in error
    assert "env=MiniGrid-Empty-5x5-v0 in FlatObsWrapper." in error
    assert main(["train", *flags]) == 0
    assert "Box uint8 (2835,), category codes" in capsys.readouterr().out
    assert main(["evaluate", f"--run={run}", "--episodes=2"]) == 0


@pytest.mark.slow
def test_every_command_finds_them_again(tmp_path, capsys):
    run = tmp_path / "run"
    flags = [
        *small_run.SMALL,
        "--env=FrozenLake-v1",
        "--nopreset",
        "--noplot",
        '--env_kwargs={"is_slippery": false}',
        f"--wrapper={TENFOLD}",
        f"--train_wrapper={CLIP}",
        "--epochs=1",
        f"--output={run}",
    ]
    assert main(["train", *flags]) == 0
    config = json.loads((run / "config.json").read_text())["flags"]
    assert config["env_kwargs"] == {"is_slippery": False}
    assert (config["wrapper"], config["train_wrapper"]) == ([TENFOLD], [CLIP])
    resume = ["train", "--resume", f"--output={run}", "--epochs=2"]
    assert main(["evaluate", f"--run={run}"]) == 2
    assert "--wrapper must be given" in capsys.readouterr().err
    for command in (resume, ["evaluate", f"--run={run}", "--episodes=2"]):
        assert main([*command, f"--wrapper={TENFOLD}"]) == 0
    assert main(["report", f"--run={run}"]) == 0
