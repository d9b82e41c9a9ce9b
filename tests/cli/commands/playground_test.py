import http.client
import signal
import subprocess
import sys
import urllib.parse

import pytest

from keras_cem.cli.commands import playground
from keras_cem.cli.main import main
from keras_cem.cli.playground import server
from keras_cem.utils import extras
from tests import processes


def test_a_taken_port_is_an_error_with_a_cure(capsys):
    with server.bind(0) as taken:
        port = taken.getsockname()[1]
        assert main(["playground", f"--port={port}", "--nobrowser"]) == 2
    message = capsys.readouterr().err
    assert f"--port={port}. Address already in use" in message
    assert "--port=0" in message


def test_a_missing_package_is_an_error_with_a_cure(monkeypatch, capsys):
    monkeypatch.setattr(extras, "missing", lambda _: "starlette")
    assert main(["playground"]) == 2
    message = capsys.readouterr().err
    assert "`playground` needs starlette" in message
    assert "pip install 'keras-cem[playground]'" in message


def test_an_unknown_environment_is_an_error(capsys):
    flags = ["--env=CardPole-v1", "--port=0", "--nobrowser"]
    assert main(["playground", *flags]) == 2
    assert "CardPole-v1" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("screen", "found"), [(None, True), (":0", False), (":0", True)]
)
def test_browser_is_opened_if_there_is_one(monkeypatch, screen, found):
    monkeypatch.setattr(playground.sys, "platform", "linux")
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    monkeypatch.delenv("DISPLAY", raising=False)
    if screen:
        monkeypatch.setenv("DISPLAY", screen)
    opened = []
    monkeypatch.setattr(
        playground.webbrowser, "open", lambda url: opened.append(url) or found
    )
    assert playground.open_browser("address") == bool(screen and found)
    assert opened == (["address"] if screen else [])


@pytest.mark.slow
def test_interrupt_ends_it_cleanly():
    program = subprocess.Popen(
        [
            *(sys.executable, "-m", "keras_cem.cli.main", "playground"),
            *("--port=0", "--nobrowser"),
        ],
        cwd=processes.ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with program:
        assert program.stdout is not None
        address = urllib.parse.urlsplit(
            program.stdout.readline().split(": ")[1].strip()
        )
        connection = http.client.HTTPConnection(address.netloc, timeout=60)
        connection.request("GET", address.path + "events")
        stream = connection.getresponse()
        assert stream.readline() == b"retry: 1000\n"
        program.send_signal(signal.SIGINT)
        out, err = program.communicate(timeout=60)
        connection.close()
    assert program.returncode == 0
    assert out.endswith("The playground has ended.\n")
    assert "Traceback" not in err
    assert "ERROR" not in err
