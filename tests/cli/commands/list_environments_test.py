"""`keras-cem list`."""

import dataclasses
import json
import sys

import gymnasium
import pytest

from keras_cem import envs
from keras_cem.cli import presets
from keras_cem.cli.commands import list_environments
from keras_cem.cli.main import main

REACHED = presets.Measured(
    episode_return=212.345,
    least=198.0,
    seeds=5,
    episodes=1000,
    env_steps=3_500_000,
    seconds=512.5,
)


@pytest.fixture
def with_lander(monkeypatch):
    """Two presets, one of them measured, for an environment of Box2D."""
    ids = ["LunarLander-v3", "CartPole-v1"]
    monkeypatch.setattr(presets, "names", lambda: ids)
    monkeypatch.setattr(presets, "measured", lambda: {ids[0]: REACHED})


@pytest.mark.usefixtures("with_lander")
def test_environments_with_a_preset_or_in_the_graph_are_listed():
    listed = {each.id: each for each in list_environments.environments()}
    in_graph = {env for env in envs.registry if env in gymnasium.registry}
    assert list(listed) == sorted({"LunarLander-v3", *in_graph})
    lander, cartpole = listed["LunarLander-v3"], listed["CartPole-v1"]
    assert lander == list_environments.Listed(
        id="LunarLander-v3",
        engines=("host",),
        preset=True,
        reward_threshold=200,
        measured=REACHED,
        missing_extra=None,
    )
    assert cartpole.engines == ("graph", "host")
    assert (cartpole.preset, cartpole.measured) == (True, None)
    acrobot = listed["Acrobot-v1"]
    assert (acrobot.preset, acrobot.reward_threshold) == (False, -100.0)


def test_every_preset_of_the_package_is_listed():
    listed = [
        each.id for each in list_environments.environments() if each.preset
    ]
    assert listed == presets.names()


@pytest.mark.usefixtures("with_lander")
@pytest.mark.parametrize(
    ("package", "extra"), [("Box2D", "box2d"), ("mujoco", None)]
)
def test_extra_that_is_missing_is_named(package, extra, monkeypatch):
    monkeypatch.setitem(sys.modules, package, None)
    listed = {each.id: each for each in list_environments.environments()}
    assert listed["LunarLander-v3"].missing_extra == extra
    assert listed["CartPole-v1"].missing_extra is None


def test_ids_that_gymnasium_does_not_have_are_left_out(monkeypatch):
    monkeypatch.setattr(presets, "names", lambda: ["Unheard-of-v0"])
    ids = [each.id for each in list_environments.environments()]
    assert "Unheard-of-v0" not in ids
    assert "CartPole-v1" in ids


@pytest.mark.usefixtures("with_lander")
def test_table_has_a_line_each(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "Box2D", None)
    assert main(["list"]) == 0
    head, *lines = capsys.readouterr().out.splitlines()
    starts = [head.index(name) for name in head.split()]
    assert len(lines) == len(list_environments.environments())
    (lander,) = [line for line in lines if line.startswith("LunarLander")]
    ends = [*starts[1:], None]
    cells = [lander[a:b].strip() for a, b in zip(starts, ends, strict=True)]
    assert cells == [
        "LunarLander-v3",
        "host",
        "yes",
        "200",
        "212.3 (5 seeds of 1,000 episodes)",
        "pip install 'keras-cem[box2d]'",
    ]


@pytest.mark.usefixtures("with_lander")
def test_json_has_all_of_it(capsys):
    assert main(["list", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)
    (lander,) = [each for each in listed if each["id"] == "LunarLander-v3"]
    assert lander == {
        "id": "LunarLander-v3",
        "engines": ["host"],
        "preset": True,
        "reward_threshold": 200,
        "measured": dataclasses.asdict(REACHED),
        "missing_extra": None,
    }
