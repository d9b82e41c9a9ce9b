import json

import pytest

from keras_cem.cli.playground.board import Board


def test_readers_get_what_is_new():
    board = Board()
    board.post(a=1, b=[2])
    clock, parts = board.since(0)
    assert dict(parts) == {"a": "1", "b": "[2]"}
    board.post(a=3)
    later, parts = board.since(clock)
    assert later > clock
    assert dict(parts) == {"a": "3"}
    assert board.since(later) == (later, {})


def test_size_does_not_grow_with_time():
    """A page that reads nothing for a million iterations gets one of each."""
    board = Board()
    for iteration in range(10_000):
        board.post(progress={"iteration": iteration}, status=None)
    _, parts = board.since(0)
    assert set(parts) == {"progress", "status"}
    assert json.loads(parts["progress"]) == {"iteration": 9_999}


def test_listeners_are_called_until_they_leave():
    board, calls = Board(), []
    with board.listening(lambda: calls.append(1)):
        board.post(a=1)
        board.post(a=2)
    board.post(a=3)
    assert calls == [1, 1]


def test_parts_posted_together_come_at_once():
    board, seen = Board(), []
    clock, _ = board.since(0)
    with (
        board.listening(lambda: seen.append(dict(board.since(clock)[1]))),
        board.together(),
    ):
        board.post(a=1)
        board.post(b=2)
        board.post(a=3)
        assert board.since(clock)[1] == {}
    assert seen == [{"a": "3", "b": "2"}]


def test_numbers_that_browsers_do_not_read_are_refused():
    with pytest.raises(ValueError, match="not JSON compliant"):
        Board().post(a=float("nan"))
