"""Who may ask, and for what."""

import contextlib
import http.client
import json
import threading
import urllib.parse

import pytest

from keras_cem.cli.playground import server
from keras_cem.cli.playground.board import Board


class Recorder:
    """Stands in for a playground; writes down what is asked."""

    def __init__(self):
        self.board = Board()
        self.asked = []

    def change(self, name, value):
        if value == "wrong":
            raise ValueError("Seed must be a number.")
        self.asked.append(("change", name, value))

    change_networks = view = change

    def act(self, action):
        self.asked.append(("act", action))


@pytest.fixture(scope="module")
def served():
    playground = Recorder()
    playground.board.post(status={"next": "play"})
    made = server.Server(playground, server.bind(0))
    thread = threading.Thread(target=made.serve_forever)
    thread.start()
    yield playground, urllib.parse.urlsplit(made.address)
    made.should_exit = True
    thread.join()


def ask(address, path=None, body=None, **headers):
    """Status and text of the answer; GET without a body."""
    connection = http.client.HTTPConnection(address.netloc, timeout=30)
    given = {
        "Origin": f"http://{address.netloc}",
        "Content-Type": "application/json",
        **{name.replace("_", "-"): value for name, value in headers.items()},
    }
    given = {name: value for name, value in given.items() if value is not None}
    with contextlib.closing(connection):
        connection.request(
            "GET" if body is None else "POST",
            address.path if path is None else path,
            body=body,
            headers=given,
        )
        answer = connection.getresponse()
        return answer, answer.read().decode()


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("", "text/html"),
        ("index.html", "text/html"),
        ("style.css", "text/css"),
        ("main.js", "text/javascript"),
        ("fields", "application/json"),
    ],
)
def test_page_is_served_under_the_token(served, name, kind):
    _, address = served
    answer, text = ask(address, address.path + name)
    assert answer.status == 200
    assert answer.headers["Content-Type"].startswith(kind)
    assert text
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    assert answer.headers["Referrer-Policy"] == "no-referrer"


@pytest.mark.parametrize(
    "path", ["/", "//", "/x/", "/x/main.js", "/x/events", "/{token}x/main.js"]
)
def test_requests_without_the_token_are_refused(served, path):
    _, address = served
    token = address.path.strip("/")
    assert len(token) >= 32
    answer, text = ask(address, path.format(token=token))
    assert answer.status == 403
    assert "Open the address" in text


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example"},
        {"Host": "127.0.0.1"},
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
    ],
)
def test_requests_of_other_sites_are_refused(served, headers):
    _, address = served
    assert ask(address, **headers)[0].status == 403


@pytest.mark.parametrize(
    "headers", [{"Origin": None}, {"Content_Type": "text/plain"}]
)
def test_only_the_page_may_ask(served, headers):
    playground, address = served
    body = json.dumps({"ask": "act", "name": "run"})
    answer, _ = ask(address, address.path + "ask", body, **headers)
    assert answer.status == 403
    assert playground.asked == []


def test_page_asks(served):
    playground, address = served
    for asked in (
        {"ask": "change", "name": "seed", "value": 3},
        {"ask": "act", "name": "run"},
    ):
        path = address.path + "ask"
        answer, text = ask(address, path, json.dumps(asked))
        assert (answer.status, text) == (204, "")
    assert playground.asked == [("change", "seed", 3), ("act", "run")]
    playground.asked.clear()


@pytest.mark.parametrize(
    ("body", "status", "message"),
    [
        ('{"ask": "change", "name": "seed", "value": "wrong"}', 400, "Seed"),
        ('{"ask": "close", "name": "x"}', 400, "nothing that is known"),
        ('{"ask": "change", "name": ["x"]}', 400, "nothing that is known"),
        ('{"ask": ["change"], "name": "x"}', 400, ""),
        ("[1]", 400, ""),
        ("{", 400, ""),
        ("[" * 3000, 400, ""),
        ('"' + "x" * 9999 + '"', 413, "Too long"),
    ],
)
def test_what_is_wrong_is_refused(served, body, status, message):
    playground, address = served
    answer, text = ask(address, address.path + "ask", body)
    assert answer.status == status
    assert message in text
    assert playground.asked == []


def test_other_files_are_not_served(served):
    _, address = served
    for name in ("__init__.py", "BUILD", "nothing.js", "..%2fserver.py"):
        assert ask(address, address.path + name)[0].status == 404


def test_stream_begins_with_everything_and_goes_on(served):
    playground, address = served
    connection = http.client.HTTPConnection(address.netloc, timeout=30)
    with contextlib.closing(connection):
        connection.request("GET", address.path + "events")
        answer = connection.getresponse()
        assert answer.headers["Content-Type"].startswith("text/event-stream")
        lines = (line.decode().strip() for line in answer)
        told = (line for line in lines if line.startswith("data: "))
        assert next(told) == 'data: {"status":{"next":"play"}}'
        playground.board.post(progress=1)
        assert next(told) == 'data: {"progress":1}'


def test_a_taken_port_is_refused(served):
    _, address = served
    with pytest.raises(OSError, match="in use"):
        server.bind(address.port)
