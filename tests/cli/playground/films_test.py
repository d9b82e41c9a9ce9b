import base64
import json

import gymnasium
import imageio.v3
import numpy as np
import pytest

from keras_cem.cli.playground import agents
from keras_cem.cli.playground.board import Board
from keras_cem.cli.playground.films import MAX_STEPS, Films
from keras_cem.cli.playground.settings import Settings

SETTINGS = Settings(units=2)


def parts_of(board):
    return {name: json.loads(text) for name, text in board.since(0)[1].items()}


@pytest.fixture(scope="module")
def agent():
    return agents.make(SETTINGS)


def test_a_greedy_and_an_explored_episode_are_filmed(agent):
    board = Board()
    made = Films(board)
    made.follow(agent, SETTINGS.env)
    # A step at a time, so that others can work in between.
    turns = 0
    while made.advance(0.0, fresh=True):
        turns += 1
    parts = parts_of(board)
    for name, epsilon in (("greedy", 0.0), ("explored", 0.1)):
        film = parts[name]
        kind, _, content = film["image"].partition(",")
        assert kind == "data:image/png;base64"
        drawn = imageio.v3.imread(base64.b64decode(content), extension=".png")
        assert drawn.shape == (
            film["frames"] * film["height"],
            film["width"],
            3,
        )
        assert len(np.unique(drawn)) > 1
        assert film["width"] <= 240
        assert 1 < film["frames"] <= 41
        assert film["steps"] <= MAX_STEPS
        assert film["epsilon"] == epsilon
    assert turns >= parts["greedy"]["steps"] + parts["explored"]["steps"]
    assert parts["undrawn"] is None
    made.close()


class _Blind(gymnasium.Env):
    """An environment that draws nothing."""

    observation_space = gymnasium.spaces.Box(-1, 1, (4,))
    action_space = gymnasium.spaces.Discrete(2)


def test_environment_that_cannot_be_drawn_is_said_to_be(agent):
    gymnasium.register("Blind-v0", _Blind)
    board = Board()
    made = Films(board)
    made.follow(agent, "Blind-v0")
    assert not made.advance(1.0, fresh=True)
    parts = parts_of(board)
    assert "must support render_mode='rgb_array'" in parts["undrawn"]
    assert parts["greedy"] is None
    del gymnasium.registry["Blind-v0"]
