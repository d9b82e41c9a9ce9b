"""The playground computes what `fit` computes."""

import dataclasses
import json

import numpy as np
import pytest

from keras_cem import callbacks
from keras_cem.cli.playground import agents
from keras_cem.cli.playground.board import Board
from keras_cem.cli.playground.session import Session
from keras_cem.cli.playground.settings import Settings

SETTINGS = Settings(
    batch_size=4, units=3, gradient_steps=2, learning_rate=0.05, seed=5
)
ITERATIONS = 2


def parts_of(board):
    return {name: json.loads(text) for name, text in board.since(0)[1].items()}


def iterate(trained, iterations=1):
    for _ in range(iterations):
        stages = [trained.advance() for _ in range(3)]
        assert stages == ["play", "select", "imitate"]


@pytest.fixture(scope="module")
def opened():
    """A session after some iterations, and its board."""
    board = Board()
    trained = Session(board, SETTINGS)
    iterate(trained, ITERATIONS)
    yield trained, board
    trained.close()


def change(trained, **changed):
    return trained.apply(dataclasses.replace(trained.settings, **changed))


@pytest.mark.slow
def test_weights_are_those_of_fit(opened):
    trained, board = opened
    fitted = agents.make(SETTINGS)
    history = fitted.fit(
        SETTINGS.env,
        batch_size=SETTINGS.batch_size,
        epochs=ITERATIONS,
        callbacks=[callbacks.EpsilonDecay(agents.schedule(SETTINGS))],
        verbose=0,
    ).history
    for mine, theirs in zip(trained.agent.weights, fitted.weights, strict=True):
        np.testing.assert_array_equal(mine, theirs)
    curve = parts_of(board)["curve"]
    assert [row[1] for row in curve] == pytest.approx(
        history["episode_return"], rel=1e-4
    )
    assert [row[4] for row in curve] == [1.0, 0.5]


def test_iteration_is_shown_with_the_policy_before_and_after(opened):
    trained, board = opened
    parts = parts_of(board)
    assert len(parts["episodes"]["paths"]) == SETTINGS.batch_size
    assert parts["selection"]["size"] == SETTINGS.batch_size
    assert parts["map"]["actions"] == 2
    assert parts["map"]["before"] != parts["map"]["now"]
    assert parts["progress"]["iteration"] == ITERATIONS
    assert parts["progress"]["env_steps"] == int(trained.agent.env_steps)


def test_new_quantile_selects_again_and_keeps_the_weights(opened):
    trained, board = opened
    trained.advance()
    trained.advance()
    before = [np.asarray(each) for each in trained.agent.weights]
    assert change(trained, elite_quantile=0.3) == ""
    many = parts_of(board)["selection"]
    change(trained, elite_quantile=0.9)
    few = parts_of(board)["selection"]
    assert few["quantile"] == 0.9
    assert few["number"] <= many["number"]
    assert few["threshold"] >= many["threshold"]
    for now, then in zip(trained.agent.weights, before, strict=True):
        np.testing.assert_array_equal(now, then)
    trained.advance()


def test_axes_can_be_chosen(opened):
    trained, board = opened
    trained.view("x", 0)
    parts = parts_of(board)
    assert parts["episodes"]["axes"] == [0, 3]
    assert parts["map"]["now"]
    # Time is no component of an observation.
    trained.view("y", 4)
    assert parts_of(board)["map"]["now"] is None
    trained.view("y", 3)
    for name, value in (("x", 99), ("x", -1), ("x", "0"), ("z", 0)):
        with pytest.raises(ValueError, match="There is no"):
            trained.view(name, value)


@pytest.mark.slow
def test_number_of_episodes_keeps_weights_counters_and_optimizer(opened):
    trained, board = opened
    old = trained.agent
    assert change(trained, batch_size=3) == "The weights were kept."
    new = trained.agent
    assert new is not old
    assert int(new.iteration) == int(old.iteration) > 0
    assert int(new.env_steps) == int(old.env_steps)
    for now, then in zip(
        new.network_variables(), old.network_variables(), strict=True
    ):
        np.testing.assert_array_equal(now, then)
    for now, then in zip(
        new.optimizer.variables, old.optimizer.variables, strict=True
    ):
        np.testing.assert_array_equal(now, then)
    assert len(parts_of(board)["curve"]) == int(new.iteration)
    iterate(trained)


@pytest.mark.slow
def test_elite_steps_start_anew_and_show_advantages(opened):
    trained, board = opened
    said = change(trained, elite_unit="step")
    assert said == "Started a new training with this setting."
    assert int(trained.agent.iteration) == 0
    parts = parts_of(board)
    assert parts["curve"] == []
    assert parts["episodes"] is None
    trained.advance()
    trained.view("episode", 1)
    trained.advance()
    steps = parts_of(board)["steps"]
    assert steps["episode"] == 1
    count = len(steps["advantages"])
    assert len(steps["elite"]) == count
    assert 2 * count == len(steps["points"])
    assert parts_of(board)["selection"]["size"] > SETTINGS.batch_size


def test_failed_change_leaves_the_training_as_it_is(opened):
    trained, _ = opened
    agent, settings, stage = trained.agent, trained.settings, trained.next
    with pytest.raises(ValueError, match="registered"):
        change(trained, env="Nothing-v0")
    assert trained.agent is agent
    assert trained.settings == settings
    assert trained.next == stage


def test_step_limit_ends_episodes_where_the_environment_has_none(opened):
    trained, board = opened
    change(trained, env="CliffWalking-v1", max_episode_steps=7, seed=6)
    trained.advance()
    paths = parts_of(board)["episodes"]["paths"]
    # Nobody reaches the goal so soon. Each point has x and y.
    assert {len(path["points"]) for path in paths} == {14}


@pytest.mark.slow
def test_places_of_a_grid_are_a_plane(opened):
    trained, board = opened
    change(trained, env="FrozenLake-v1", seed=6, elite_unit="trajectory")
    iterate(trained)
    parts = parts_of(board)
    assert parts["episodes"]["names"][:2] == ["column", "row from below"]
    assert parts["episodes"]["ranges"] == [[-0.5, 3.5], [-0.5, 3.5]]
    # Upper left of the plane: the start.
    assert parts["episodes"]["paths"][0]["points"][:2] == [125, 875]
    shown = np.reshape(parts["map"]["now"]["actions"], (36, 36))[::-9, ::9]
    outputs = trained.agent(np.arange(16), training=False)
    actions = np.argmax(outputs, axis=-1).reshape(4, 4)
    np.testing.assert_array_equal(shown, actions)
