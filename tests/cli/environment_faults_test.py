"""Ids in all forms, and faults of environments, in the command line."""

import json

import gymnasium
import pytest
from gymnasium.envs.classic_control import CartPoleEnv

from keras_cem.callbacks import RecordVideo
from keras_cem.cli.commands import list_environments
from keras_cem.cli.main import main
from keras_cem.pictures import film_episodes
from tests.cli import small_run

pytestmark = pytest.mark.slow

SMALL = [
    *small_run.SMALL,
    "--epochs=1",
    "--noplot",
    "--progress=none",
    "--seed=1",
]


class BadRender(CartPoleEnv):
    """Draws `good` frames, then raises."""

    good = 0
    drawn = 0

    def render(self):
        type(self).drawn += 1
        if self.drawn > self.good:
            raise TypeError("Converting X to a dtype is not allowed")
        return super().render()


class BadInit(CartPoleEnv):
    """Raises as it is made."""

    def __init__(self, render_mode=None):
        raise ValueError("no such scene")


@pytest.fixture(autouse=True)
def registered(monkeypatch):
    before = dict(gymnasium.registry)
    for name, cls in (("BadRender", BadRender), ("BadInit", BadInit)):
        gymnasium.register(f"{name}-v0", cls, max_episode_steps=8)
    monkeypatch.setattr(BadRender, "good", 0)
    monkeypatch.setattr(BadRender, "drawn", 0)
    yield
    gymnasium.registry.clear()
    gymnasium.registry.update(before)


@pytest.fixture
def mine(tmp_path, monkeypatch):
    """A module that registers an environment, named `module:id`."""
    (tmp_path / "registers_for_cli.py").write_text(
        "import gymnasium\n"
        "gymnasium.register('ForCli-v0', reward_threshold=9.5,\n"
        "    entry_point='gymnasium.envs.classic_control:CartPoleEnv',\n"
        "    max_episode_steps=5)\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(__import__("sys").modules, "registers_for_cli", False)
    return "registers_for_cli:ForCli-v0"


def test_id_behind_a_module_works_in_every_command(mine, tmp_path, capsys):
    run, env = tmp_path / "run", f"--env={mine}"
    assert main(["train", *SMALL, env, f"--output={run}"]) == 0
    config = json.loads((run / "config.json").read_text())
    assert config["stop_at"] == 9.5
    assert config["flags"]["env"] == mine
    assert main(["evaluate", f"--run={run}", env, "--episodes=2"]) == 0
    assert main(["record", f"--run={run}", env]) == 0
    assert main(["report", f"--run={run}"]) == 0
    assert (
        main(["export", f"--run={run}", f"--output={tmp_path / 'policy'}"]) == 0
    )
    resume = ["train", "--resume", f"--output={run}", env, "--epochs=2"]
    assert main(resume) == 0, capsys.readouterr().err
    assert main(["list"]) == 0


def test_id_without_version_has_the_preset_of_the_latest(tmp_path, capsys):
    run = tmp_path / "run"
    flags = [flag for flag in SMALL if flag != "--nopreset"]
    # Steps as elites, which the preset has, take longer to trace.
    flags += ["--env=CartPole", "--elite_unit=trajectory"]
    assert main(["train", *flags, f"--output={run}"]) == 0
    # The preset's, which is above gymnasium's threshold.
    assert json.loads((run / "config.json").read_text())["stop_at"] == 500.0
    assert "Settings from the preset for CartPole-v1" in capsys.readouterr().out
    assert main(["evaluate", f"--run={run}", "--episodes=2"]) == 0


@pytest.mark.filterwarnings("ignore:.*Overriding environment")
def test_list_says_that_an_id_registered_anew_is_not_in_the_graph():
    def engines():
        (found,) = (
            each
            for each in list_environments.environments()
            if each.id == "CartPole-v1"
        )
        return found.engines

    assert engines() == ("graph", "host")
    gymnasium.register("CartPole-v1", BadRender, max_episode_steps=8)
    assert engines() == ("host",)


def test_network_is_said_and_kept(tmp_path, capsys):
    run = tmp_path / "run"
    flags = [flag for flag in SMALL if flag != "--progress=none"]
    train = ["train", *flags, "--progress=line", f"--output={run}"]
    assert main(train) == 0
    said = "Box float32 (4,), unchanged"
    assert f"Network: observations: {said}." in capsys.readouterr().out
    config = json.loads((run / "config.json").read_text())
    assert config["network"] == {"observations": said}
    assert config["flags"]["network"] == {}


def test_flag_overrules_what_bytes_are(tmp_path, capsys):
    train = ["train", *SMALL, f"--output={tmp_path / 'run'}"]
    assert main([*train, '--network={"image": false}']) == 2
    assert "`image` is for image observations" in capsys.readouterr().err


def test_exception_of_render_is_no_misuse(tmp_path, capsys):
    run, env = tmp_path / "run", "--env=BadRender-v0"
    assert main(["train", *SMALL, env, f"--output={run}"]) == 0
    assert main(["record", f"--run={run}"]) == 1
    message = capsys.readouterr().err
    assert "`render` of the environment raised TypeError: Conv" in message
    assert "--help" not in message


def test_exception_of_a_constructor_is_no_misuse(tmp_path, capsys):
    train = ["train", *SMALL, f"--output={tmp_path / 'run'}"]
    assert main([*train, "--env=BadInit-v0"]) == 1
    message = capsys.readouterr().err
    assert "ValueError: no such scene" in message
    assert "--help" not in message


def test_first_frame_is_tried_before_training(tmp_path, capsys):
    run = tmp_path / "run"
    train = ["train", *SMALL, "--env=BadRender-v0", "--video"]
    assert main([*train, f"--output={run}"]) == 1
    assert "Converting X" in capsys.readouterr().err
    assert not run.exists()
    assert BadRender.drawn == 1


def test_film_that_fails_later_costs_no_results(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(BadRender, "good", 3)
    run = tmp_path / "run"
    train = ["train", *SMALL, "--env=BadRender-v0", "--video"]
    assert main([*train, f"--output={run}"]) == 1
    printed = capsys.readouterr()
    assert "are complete, but `keras-cem record` failed with" in printed.err
    assert "Greedy return over 3 episodes" in printed.out
    assert json.loads((run / "results.json").read_text())["epochs"] == 1
    for name in ("report.html", "agent.keras", "last.keras", "policy"):
        assert (run / name).exists()
    assert any((run / "checkpoints").iterdir())
    assert not (run / "video.mp4").exists()


def test_film_of_a_callback_costs_no_training(tmp_path, monkeypatch):
    agent = small_agent()
    monkeypatch.setattr(BadRender, "good", 3)
    film = RecordVideo(tmp_path, "BadRender-v0", every=1)
    with pytest.warns(RuntimeWarning, match="film of epoch 1 could not"):
        history = agent.fit(
            "CartPole-v1",
            batch_size=2,
            max_episode_steps=4,
            engine="host",
            callbacks=[film],
            verbose=0,
        )
    assert len(history.history["episode_return"]) == 1
    monkeypatch.setattr(BadRender, "good", 0)
    with pytest.raises(RuntimeError, match="Converting X"):
        film_episodes.try_first_frame("BadRender-v0")


def small_agent():
    """An agent that can learn CartPole."""
    import keras_cem as cem

    agent = cem.CEMAgent.from_env("CartPole-v1", hidden_units=(), seed=0)
    agent.compile("adam", run_eagerly=True)
    return agent
