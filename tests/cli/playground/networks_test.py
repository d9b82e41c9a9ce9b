import json

import pytest

from keras_cem.cli.playground.board import Board
from keras_cem.cli.playground.networks import Networks, NetworkSettings


def parts_of(board):
    return {name: json.loads(text) for name, text in board.since(0)[1].items()}


@pytest.mark.slow
def test_networks_learn_the_plane_and_start_anew():
    board = Board()
    learned = Networks(board)
    learned.apply(NetworkSettings(dataset="plane", learning_rate=0.03))
    learned.advance()
    first = parts_of(board)
    assert first["points"]["regression"]
    shown = first["networks"]["networks"]
    assert [(each["layers"], each["units"]) for each in shown] == [
        (1, 1), (1, 3), (2, 3), (4, 8)
    ]  # fmt: skip
    side = first["networks"]["resolution"]
    assert all(len(each["surface"]) == side**2 for each in shown)
    # A network keeps its functions: only the rate changes.
    learned.apply(NetworkSettings(dataset="plane", learning_rate=0.01))
    learned.advance()
    second = parts_of(board)["networks"]
    assert second["epoch"] == 2 * first["networks"]["epoch"]
    losses = [row[1] for row in second["networks"][3]["curve"]]
    assert losses[1] < losses[0]
    learned.apply(NetworkSettings(dataset="xor"))
    third = parts_of(board)
    assert third["networks"]["epoch"] == 0
    assert not third["points"]["regression"]


@pytest.mark.parametrize(
    ("name", "value"),
    [("dataset", "moons"), ("noise", 0.3), ("units", 3), ("noise", None)],
)
def test_invalid_values_are_refused(name, value):
    with pytest.raises(ValueError, match="cannot be"):
        NetworkSettings().changed(name, value)


def test_whole_numbers_of_the_page_are_floats():
    changed = NetworkSettings().changed("noise", 1)
    assert isinstance(changed.noise, float)
